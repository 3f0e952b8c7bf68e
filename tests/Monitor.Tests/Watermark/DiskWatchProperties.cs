using FsCheck;
using FsCheck.Fluent;
using OvirtSpm.Monitor.Tests.Doubles;
using OvirtSpm.Monitor.Watermark;

namespace OvirtSpm.Monitor.Tests.Watermark;

public class DiskWatchProperties
{
    private static readonly Gen<DiskInput> AnyInput = Gen.OneOf(
        Gen.Choose(0, 1200).Select(size => (DiskInput)new DiskInput.Attached("n", new(size, 1000), 0)),
        Gen.Choose(0, 2000).Select(end => (DiskInput)new DiskInput.ThresholdPassed(end)),
        Gen.Constant((DiskInput)new DiskInput.NoSpace()),
        Gen.Constant((DiskInput)new DiskInput.Resumed()),
        Gen.Choose(1, 6).SelectMany(request => Gen.Choose(0, 1200).Select(size => (DiskInput)new DiskInput.Extended(request, size))),
        Gen.Choose(1, 6).Select(request => (DiskInput)new DiskInput.Refused(request, "no")),
        Gen.Choose(1, 6).Select(request => (DiskInput)new DiskInput.RetryDue(request)),
        Gen.Choose(0, 1200).Select(size => (DiskInput)new DiskInput.Grew(size)),
        Gen.Choose(0, 1000).Select(offset => (DiskInput)new DiskInput.ThresholdSet(offset)),
        Gen.Constant((DiskInput)new DiskInput.ThresholdFailed("no")),
        Gen.Choose(0, 1200).Two().Select(two => (DiskInput)new DiskInput.Polled(two.Item1, two.Item2)),
        Gen.Constant((DiskInput)new DiskInput.Detached("gone")));

    [Fact]
    public void Whatever_happens_sizes_grow_requests_are_larger_than_what_is_there_and_one_is_open() =>
        Holds.ForAll(AnyInput.ListOf().Resize(60), inputs =>
        {
            var disk = new DiskWatch(default, DiskWatchTests.Policy, 500);
            foreach (var input in inputs)
            {
                var before = disk;
                (disk, var effects) = disk.Step(input);
                Assert.True(disk.AllocatedBytes >= before.AllocatedBytes);
                Assert.True(disk.HighestBytes >= before.HighestBytes);
                Assert.True(effects.Count(effect => effect is DiskEffect.AskExtend) <= 1);
                foreach (var ask in effects.OfType<DiskEffect.AskExtend>())
                {
                    Assert.NotEqual(before.OpenRequest, disk.OpenRequest);
                    Assert.True(ask.AbsoluteBytes > disk.AllocatedBytes && ask.AbsoluteBytes <= disk.MaximumBytes);
                }
                if (effects.Any(effect => effect is DiskEffect.Resume))
                {
                    Assert.True(disk.Paused && disk.HasSpace);
                    // Never into the open: the threshold is set, or the next extend is asked for, or it cannot grow, or QEMU refuses thresholds.
                    Assert.True(disk.Phase is DiskPhase.Quiet or DiskPhase.Asked or DiskPhase.Refused or DiskPhase.Full
                        or DiskPhase.Unarmed or DiskPhase.Implausible, disk.Phase.ToString());
                }
                Assert.DoesNotContain(effects, effect => effect is DiskEffect.SetThreshold && disk.Phase is DiskPhase.Lost);
            }
        }, tests: 5000);

    /// A whole small world: QEMU with a one-shot threshold, an SPM that refuses now and then, a guest that writes on. However the
    /// refusals fall, once the SPM answers the guest reaches the end of its disk.
    [Fact]
    public void A_guest_that_writes_on_always_reaches_the_end_of_its_disk() =>
        Holds.ForAll(Gen.Choose(0, 9).ListOf().Resize(200), choices =>
        {
            var world = new World(choices);
            for (var turn = 0; turn < 4000 && !world.Done; turn++)
                world.Turn();
            Assert.True(world.Done, $"stuck: {world.Disk.Phase} paused {world.Disk.Paused} at {world.Written} of {world.Disk.AllocatedBytes}");
            Assert.Equal(1000, world.Disk.AllocatedBytes);
        }, tests: 2000);

    private sealed class World
    {
        private readonly Queue<int> choices;
        private readonly Queue<DiskInput> pending = new();
        private long armed;
        private bool running = true;

        public World(IEnumerable<int> choices)
        {
            this.choices = new(choices);
            Do(new DiskInput.Attached("n", new(100, 1000), 0));
        }

        public DiskWatch Disk { get; private set; } = new(default, DiskWatchTests.Policy, 500);

        public long Written { get; private set; }

        public bool Done => Written >= 1000;

        public void Turn()
        {
            // Low choices let the guest write, high ones deliver what is under way; without choices both take turns.
            if (running && Choose() < 6)
                Write(10);
            else if (pending.TryDequeue(out var input))
                Do(input);
            else if (running)
                Write(10);
            else
                Do(new DiskInput.Polled(Written, armed));
        }

        private int Choose() => choices.TryDequeue(out var choice) ? choice : 5;

        private void Write(long bytes)
        {
            var end = Written + bytes;
            if (armed > 0 && end > armed)
            {
                armed = 0;
                pending.Enqueue(new DiskInput.ThresholdPassed(end));
            }
            if (end <= Disk.AllocatedBytes)
            {
                Written = end;
                return;
            }
            running = false;
            pending.Enqueue(new DiskInput.NoSpace());
        }

        private void Do(DiskInput input)
        {
            var step = Disk.Step(input);
            Disk = step.Next;
            foreach (var effect in step.Effects)
                switch (effect)
                {
                    case DiskEffect.SetThreshold set:
                        armed = set.OffsetBytes;
                        pending.Enqueue(new DiskInput.ThresholdSet(set.OffsetBytes));
                        break;
                    case DiskEffect.AskExtend ask:
                        pending.Enqueue(Choose() == 9 ? new DiskInput.Refused(ask.Request, "not now") : new DiskInput.Extended(ask.Request, ask.AbsoluteBytes));
                        break;
                    case DiskEffect.RetryLater later:
                        pending.Enqueue(new DiskInput.RetryDue(later.Request));
                        break;
                    case DiskEffect.Resume:
                        Assert.True(Disk.HasSpace);
                        running = true;
                        pending.Enqueue(new DiskInput.Resumed());
                        break;
                }
        }
    }
}
