using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Pool.Images;

public sealed class VolumeMoveTests
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_chain_moves_with_every_byte_and_all_that_is_said_of_it()
    {
        var (source, target) = await MovePools.StartAsync();
        var slots = new[] { MovePools.Volume, MovePools.Below }.Select(uuid => MovePools.Find(source, uuid)!.Slot!).ToList();
        var free = (source.Term.Volumes.Group.FreeExtents, target.Term.Volumes.Group.FreeExtents);
        var taken = source.Term.Volumes.View().Volumes.Sum(one => one.AllocatedBytes) / source.Work.ExtentBytes;
        var told = new List<double>();

        await new VolumeMove(source.Leaving, target.Arriving).RunAsync("disk", new Told(told.Add), CancellationToken.None);

        await MovePools.CheckMovedAsync(source, target, "moved");
        Assert.Equal(
            slots.Select(slot => slot with { Domain = MovePools.There }), new[] { MovePools.Volume, MovePools.Below }.Select(uuid => MovePools.Find(target, uuid)!.Slot!));
        Assert.Equal((free.Item1 + taken, free.Item2 - taken), (source.Term.Volumes.Group.FreeExtents, target.Term.Volumes.Group.FreeExtents));
        Assert.Equal(told.Order(), told);
        Assert.Equal(1.0, told[^1]);
        Assert.Equal(["MD_", "PU_", "IU_"], target.Term.Volumes.Group.Find($"{MovePools.Volume}")!.Tags.Select(tag => tag[..3]));
        // Asked again by its uuid it is done; under a name that means nothing there it is not found.
        Assert.Equal(MovePools.Volume, (await MoveAsync(source, target)).Uuid);
        Assert.Equal(RefusalCode.NotFound, (await RefusedAsync(source, target, "disk")).Code);
    }

    /// Both ends die together, or one of them alone, at every write; afterwards each that died gets a new SPM.
    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Wherever_it_dies_the_volume_is_whole_in_one_place_usable_in_at_most_one_and_asking_again_ends_the_move(bool sourceDies, bool targetDies)
    {
        static void Count(TestTerm term, bool dies, Func<Task> before) => term.Lun.BeforeWrite = dies ? (_, _) => before() : null;

        var (whole, other) = await MovePools.StartAsync();
        var writes = 0;
        Func<Task> count = () => Task.FromResult(writes++);
        Count(whole, sourceDies, count);
        Count(other, targetDies, count);
        await MoveAsync(whole, other);
        Assert.InRange(writes, sourceDies && targetDies ? 40 : 10, 200);
        var seen = new HashSet<(bool AtSource, bool Arriving, bool AtTarget)>();
        for (var after = 0; after <= writes; after++)
        {
            var at = $"{after} of {writes} writes";
            var (dying, with) = await MovePools.StartAsync();
            var counted = 0;
            Func<Task> die = () =>
            {
                if (counted++ >= after)
                {
                    (dying.Lun.DiesAfter, with.Lun.DiesAfter) = (sourceDies ? 0 : null, targetDies ? 0 : null);
                }
                return Task.CompletedTask;
            };
            Count(dying, sourceDies, die);
            Count(with, targetDies, die);
            var told = await Record.ExceptionAsync(() => MoveAsync(dying, with).WaitAsync(Patience));
            Assert.True(told is null or Refusal or IOException, $"{at}: {told}");
            // Of one that lives, what its disk says counts as well: it goes on under the SPM that it has.
            var source = sourceDies ? await MovePools.NextAsync(dying.Lun.Copy(), at) : dying;
            var target = targetDies ? await MovePools.NextAsync(with.Lun.Copy(), at) : with;
            var (here, arrived) = (MovePools.Find(source), MovePools.Find(target));
            Assert.False(here is not null && arrived?.IsUsable == true, $"{at}: it can be used in both");
            Assert.True(here is not null || arrived is not null, $"{at}: it is gone");
            Assert.True(told is not null || arrived!.IsUsable, $"{at}: it was acknowledged and did not happen");
            Assert.All(source.Term.Volumes.View().Volumes, left => Assert.True(left.IsUsable, $"{at}: {left.Name} {string.Join("; ", left.Problems)}"));
            await MovePools.CheckContentAsync(here is not null ? source : target, at);
            seen.Add((here is not null, arrived?.Tags.MovedFrom is not null, arrived?.IsUsable == true));

            await MoveAsync(source, target);
            await MovePools.CheckMovedAsync(source, target, at);
        }
        // Not begun or taken back; whole in both and usable at the source; only at the target, unused; moved.
        Assert.Equal([(false, false, true), (false, true, false), (true, false, false), (true, true, false)], seen.Order());
    }

    /// The removal is committed and its answer never comes: the source is asked once more, and does not have it.
    [Fact]
    public async Task A_lost_answer_of_the_removal_ends_the_move_all_the_same()
    {
        var (source, target) = await MovePools.StartAsync();
        var asked = new List<string>();
        var lossy = new Between(source.Leaving) { After = (reference, left) => asked.Add($"{reference} {left}"), Fails = left => left ? Refusal.Unavailable("the connection was reset") : null };
        await new VolumeMove(lossy, target.Arriving).RunAsync("disk", new Told(_ => { }), CancellationToken.None);
        Assert.Equal(["disk True", $"{MovePools.Volume} False"], asked);
        await MovePools.CheckMovedAsync(source, target, "lost answer");
    }

    /// It was asked to go and is still there: held again, so that nothing asked before can take effect, and only then taken back.
    [Fact]
    public async Task A_source_that_does_not_let_it_go_keeps_it_and_the_copy_is_taken_back()
    {
        var (source, target) = await MovePools.StartAsync();
        var first = true;
        var refusing = new Between(source.Leaving)
        {
            Copied = () => first && !(first = false) ? throw Refusal.Conflict("the removal was refused") : Task.CompletedTask,
        };
        Assert.Contains("the removal was refused", (await Assert.ThrowsAsync<Refusal>(() => MoveAsync(refusing, target))).Message);
        await MovePools.CheckStayedAsync(source, target, "refused");
    }

    [Fact]
    public async Task While_it_is_not_known_whether_it_is_gone_the_copy_is_kept_unused_and_asking_again_goes_on()
    {
        foreach (var goes in new[] { true, false })
        {
            var (source, target) = await MovePools.StartAsync();
            var silent = new Between(source.Leaving)
            {
                Copied = () => goes ? Task.CompletedTask : throw Refusal.Unavailable("no answer"),
                Fails = _ => Refusal.Unavailable("no answer"),
                Before = asked => _ = asked == 0 ? true : throw Refusal.Unavailable("no answer"),
            };
            var refused = await Assert.ThrowsAsync<Refusal>(() => MoveAsync(silent, target));
            Assert.Equal(RefusalCode.OutcomeUnknown, refused.Code);
            Assert.Contains("Ask again", refused.Message);
            Assert.Equal(!goes, MovePools.Find(source) is { IsUsable: true });
            Assert.All(target.Term.Volumes.View().Volumes, arrived => Assert.True(!arrived.IsUsable && arrived.Tags.MovedFrom == TestDomain.Uuid));
            Assert.Equal(2, target.Term.Volumes.View().Volumes.Length);

            await MoveAsync(source, target);
            await MovePools.CheckMovedAsync(source, target, "asked again");
        }
    }

    [Fact]
    public async Task Nobody_activates_changes_or_moves_the_chain_while_it_is_copied()
    {
        var (source, target) = await MovePools.StartAsync();
        var looked = false;
        var watched = new Between(source.Leaving)
        {
            Copied = async () =>
            {
                foreach (var uuid in new[] { MovePools.Volume, MovePools.Below })
                {
                    // R10: what an activation on another host looks at after it has set its own entry.
                    Assert.Equal(1, Assert.Single((await source.Maps.ReadAllAsync()).UsersOf(MovePools.Find(source, uuid)!.Tags.Slot!.Value)).Host);
                    Assert.Equal(RefusalCode.Conflict, Assert.Throws<Refusal>(() => source.Work.Locks.Take([uuid])).Code);
                    Assert.Equal(RefusalCode.Conflict, Assert.Throws<Refusal>(() => target.Work.Locks.Take([uuid])).Code);
                }
                // Another move of the same would take this one's copy for what a crash left.
                Assert.Equal(RefusalCode.Conflict, (await RefusedAsync(source, target, "disk")).Code);
                // Everything else goes on.
                var raw = await source.CreateAsync("raw", 16 << 20);
                await source.Removal.DeleteAsync($"{raw}");
                await target.Removal.DeleteAsync($"{await target.CreateAsync("raw", 16 << 20)}");
                looked = true;
            },
        };
        await MoveAsync(watched, target);
        Assert.True(looked);
        await MovePools.CheckMovedAsync(source, target, "watched");
        source.Work.Locks.Take([MovePools.Volume, MovePools.Below]).Dispose();
        target.Work.Locks.Take([MovePools.Volume, MovePools.Below]).Dispose();
    }

    /// R10: an entry that shows only after the copy, as in a map that could not be read before.
    [Fact]
    public async Task An_activation_that_slips_in_before_the_mark_keeps_the_volume_and_the_copy_stays_unused()
    {
        var (source, target) = await MovePools.StartAsync();
        var slot = MovePools.Find(source, MovePools.Below)!.Tags.Slot!.Value;
        var slipping = new Between(source.Leaving) { Copied = () => source.MapsOf(3).SetAsync(slot, ActivationMode.ReadOnly, 1) };
        Assert.Contains("is active on host 3", (await Assert.ThrowsAsync<Refusal>(() => MoveAsync(slipping, target))).Message);
        await MovePools.CheckContentAsync(source, "slipped in");
        Assert.True(MovePools.Find(source)!.IsUsable && MovePools.Find(source, MovePools.Below)!.IsUsable);
        Assert.False(MovePools.Find(target)!.IsUsable);
        await source.MapsOf(3).SetAsync(slot, ActivationMode.Inactive, 1);
        await MoveAsync(source, target);
        await MovePools.CheckMovedAsync(source, target, "deactivated");
    }

    [Fact]
    public async Task What_reads_back_otherwise_than_it_was_written_is_not_moved()
    {
        var (source, target) = await MovePools.StartAsync();
        var place = MovePools.OffsetOf(source, MovePools.Below);
        var spoilt = false;
        target.Lun.BeforeRead = offset =>
        {
            // The first look at what was written: the device kept something else.
            if (!spoilt && target.Term.Volumes.Group.Find($"{MovePools.Below}") is not null
                && target.Lun.Peek(MovePools.OffsetOf(target, MovePools.Below), 4096).SequenceEqual(source.Lun.Peek(place, 4096)))
            {
                spoilt = true;
                target.Lun.Poke(MovePools.OffsetOf(target, MovePools.Below) + 100, [0xFF]);
            }
        };
        var refused = await Assert.ThrowsAsync<Refusal>(() => MoveAsync(source, target));
        Assert.Equal((RefusalCode.Damaged, true), (refused.Code, spoilt));
        await MovePools.CheckStayedAsync(source, target, "refused");
    }

    [Fact]
    public async Task What_is_in_use_read_through_or_already_there_is_not_moved()
    {
        var (source, target) = await MovePools.StartAsync();
        Assert.Contains("is the parent of", (await RefusedAsync(source, target, $"{MovePools.Below}")).Message);
        Assert.Contains("both ends", (await Assert.ThrowsAsync<Refusal>(() => MoveAsync(source, source))).Message);

        var slot = MovePools.Find(source, MovePools.Below)!.Tags.Slot!.Value;
        await source.MapsOf(3).SetAsync(slot, ActivationMode.ReadOnly, 1);
        Assert.Contains("is active on", (await RefusedAsync(source, target, "disk")).Message);
        await source.MapsOf(3).SetAsync(slot, ActivationMode.Inactive, 1);

        await source.Creation.CreateAsync(TestTerm.Request(Guid.NewGuid(), bytes: 0) with { Parent = $"{MovePools.Below}", Alias = "twin" });
        Assert.Contains("is read through", (await RefusedAsync(source, target, "disk")).Message);

        var alone = await source.CreateAsync("raw", 16 << 20);
        await target.Creation.CreateAsync(TestTerm.Request(alone, "raw", 16 << 20));
        Assert.Contains("already", (await RefusedAsync(source, target, $"{alone}")).Message);
        Assert.True(MovePools.Find(source, alone)!.IsUsable && MovePools.Find(target, alone)!.IsUsable);
    }

    [Fact]
    public async Task A_target_that_is_full_or_divided_otherwise_takes_nothing_and_keeps_nothing()
    {
        var (source, target) = await MovePools.StartAsync();
        var needed = MovePools.Find(source, MovePools.Below)!.AllocatedBytes / source.Work.ExtentBytes;
        // The base has room, what is made on it has not; and of the same room nothing is left beside a reserve.
        await target.CreateAsync("raw", (target.Term.Volumes.Group.FreeExtents - needed - 1) * target.Work.ExtentBytes);
        var other = target.Term.Volumes.View().Volumes[0];
        Assert.Equal(RefusalCode.NoSpace, (await RefusedAsync(source, target, "disk")).Code);
        Assert.Equal(other.Uuid, Assert.Single(target.Term.Volumes.View().Volumes).Uuid);
        await target.Removal.DeleteAsync(other.Name);
        await target.CreateAsync("raw", (target.Term.Volumes.Group.FreeExtents - (2 * needed) - 1) * target.Work.ExtentBytes);
        await SpaceSetting.SetAsync(target.Term, new SpaceRequest(ReservePercent: 10));
        Assert.Equal(RefusalCode.NoSpace, (await RefusedAsync(source, target, "disk")).Code);
        await target.Removal.DeleteAsync(target.Term.Volumes.View().Volumes.Single().Name);
        await MovePools.CheckStayedAsync(source, target, "full");

        var divided = await TestDomain.LeadAsync(await TestDomain.LunAsync(Guid.NewGuid()));
        Assert.Contains("the extents of the two domains differ", (await RefusedAsync(source, divided, "disk")).Message);
        await MovePools.CheckStayedAsync(source, divided, "divided");
    }

    /// R10: an entry that shows only after the mark, as in a map that could not be read before.
    [Fact]
    public async Task Marked_volumes_that_somebody_uses_after_all_are_all_kept()
    {
        var (source, target) = await MovePools.StartAsync();
        var chain = source.Work.Chain(MovePools.Find(source)!);
        var operations = await source.Removal.MarkTogetherAsync(chain);
        Assert.All(chain, one => Assert.False(source.Term.Volumes.Find(one.Uuid)!.IsUsable));
        await source.MapsOf(3).SetAsync(chain[1].Tags.Slot!.Value, ActivationMode.ReadOnly, 1);
        await Assert.ThrowsAsync<Refusal>(() => source.Removal.RemoveMarkedAsync(chain, operations));
        await MovePools.CheckContentAsync(source, "kept");
        Assert.True(source.Term.Journal.Open.IsEmpty);
    }

    /// A successor finds the marks: never the base before the leaf, and the base stays when the leaf does.
    [Fact]
    public async Task A_successor_takes_the_marks_of_a_chain_back_together()
    {
        var (source, _) = await MovePools.StartAsync();
        var chain = source.Work.Chain(MovePools.Find(source)!);
        await source.Removal.MarkTogetherAsync(chain);
        await source.MapsOf(3).SetAsync(chain[0].Tags.Slot!.Value, ActivationMode.ReadOnly, 1);
        var next = await MovePools.NextAsync(source.Lun.Copy(), "marked");
        await MovePools.CheckContentAsync(next, "marked");
    }

    /// R1: whoever is told that it is gone uses its copy from then on.
    [Fact]
    public async Task A_source_whose_deadline_has_passed_does_not_say_that_it_has_no_such_volume()
    {
        var holds = true;
        var (source, _) = await MovePools.StartAsync(sourceHolds: () => holds);
        Assert.False(await source.Leaving.DepartAsync("unknown", _ => Task.CompletedTask));
        holds = false;
        Assert.Equal(RefusalCode.NotLeader, (await Assert.ThrowsAsync<Refusal>(() => source.Leaving.DepartAsync("unknown", _ => Task.CompletedTask))).Code);
    }

    static Task<VolumeInfo> MoveAsync(TestTerm source, TestTerm target) => MoveAsync(source.Leaving, target);

    static Task<VolumeInfo> MoveAsync(IMoveSource source, TestTerm target) =>
        new VolumeMove(source, target.Arriving).RunAsync($"{MovePools.Volume}", new Told(_ => { }), CancellationToken.None);

    static Task<Refusal> RefusedAsync(TestTerm source, TestTerm target, string which) =>
        Assert.ThrowsAsync<Refusal>(() => new VolumeMove(source.Leaving, target.Arriving).RunAsync(which, new Told(_ => { }), CancellationToken.None));

    /// <summary>What happens on the way to a source and back.</summary>
    sealed class Between(IMoveSource source) : IMoveSource
    {
        int asked;

        public Guid Domain => source.Domain;

        /// <summary>With how often it was asked before.</summary>
        public Action<int> Before { get; init; } = _ => { };

        /// <summary>The target has it, the source does not know yet.</summary>
        public Func<Task> Copied { get; init; } = () => Task.CompletedTask;

        public Action<string, bool> After { get; init; } = (_, _) => { };

        /// <summary>What comes instead of the answer.</summary>
        public Func<bool, Refusal?> Fails { get; init; } = _ => null;

        public async Task<bool> DepartAsync(string reference, Func<ILeavingChain, Task> copy)
        {
            Before(asked++);
            var left = await source.DepartAsync(reference, async leaving =>
            {
                await copy(leaving);
                await Copied();
            });
            After(reference, left);
            return Fails(left) is { } lost ? throw lost : left;
        }
    }
}
