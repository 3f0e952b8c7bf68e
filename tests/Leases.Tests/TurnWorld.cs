using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.Leases.Tests;

/// <summary>Hosts on one resource whose I/Os, answers and timers happen one at a time, in an order drawn from a seed.</summary>
/// <remarks>
/// Time stands still: nobody dies here, nobody's deadline passes. An I/O may fail, landed or not, or take so long that its caller gives
/// up, and then it lands later.
/// </remarks>
internal sealed class TurnWorld : SynchronizationContext
{
    private static readonly LeaseTiming Timing = new(TimeSpan.FromSeconds(255), TimeSpan.Zero);
    private readonly List<Action> due = [];
    private readonly Random random;
    private readonly TurnClock clock;
    private readonly TurnArea area;

    public TurnWorld(int seed)
    {
        random = new Random(seed);
        (clock, area) = (new TurnClock(this), new TurnArea(this));
    }

    /// <summary>One I/O in so many fails, and as many take too long; 0: none.</summary>
    public int FaultOneIn { get; set; }

    public int Pick(int count) => random.Next(count);

    public override void Post(SendOrPostCallback callback, object? state) => due.Add(() => callback(state));

    /// <summary>Runs until all have ended.</summary>
    /// <param name="turns">More than any of them may need: they wait for each other only as long as somebody holds the resource.</param>
    public void Run(int turns, params IEnumerable<Func<Task>> hosts)
    {
        var outer = Current;
        SetSynchronizationContext(this);
        try
        {
            var running = Task.WhenAll(hosts.Select(host => host()).ToList());
            while (!running.IsCompleted && turns-- > 0 && due.Count > 0)
            {
                var next = Pick(due.Count);
                var act = due[next];
                due.RemoveAt(next);
                act();
            }

            Assert.True(running.IsCompleted, due.Count == 0 ? "nothing is due, and somebody still waits" : "somebody never ended: a ghost holds the resource");
            running.GetAwaiter().GetResult();
        }
        finally
        {
            SetSynchronizationContext(outer);
        }
    }

    public ResourceLease[] Join(int count)
    {
        var geometry = LeaseGeometry.For(512, Pool.MiB);
        Run(int.MaxValue, async () =>
        {
            await LockspaceFormat.InitialiseAsync(area, geometry, "LS", _ => 255);
            await ResourceFormat.InitialiseAsync(area, Pool.MiB, geometry, "LS", "SDM", count);
        });
        var keepers = Enumerable.Range(1, count).Select(id =>
            new LeaseKeeper(area, geometry, "LS", id, $"machine-{id}", Timing, clock, clock, (_, _) => TimeSpan.Zero)).ToList();
        clock.Passes = true;
        Run(int.MaxValue, keepers.Select(keeper => (Func<Task>)(async () => await keeper.JoinAsync(CancellationToken.None))));
        clock.Passes = false;
        return [.. keepers.Select(keeper => new ResourceLease(area, Pool.MiB, geometry, "LS", "SDM", keeper, clock, clock))];
    }

    private bool Strikes => FaultOneIn > 0 && Pick(FaultOneIn) == 0;

    private sealed class TurnArea(TurnWorld world) : ILeaseArea
    {
        private readonly byte[] bytes = new byte[2 * Pool.MiB];

        public int SectorSize => 512;

        public long SizeBytes => bytes.Length;

        public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer) => InTurn(() => bytes.AsSpan((int)offsetBytes, buffer.Length).CopyTo(buffer.Span));

        public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data)
        {
            var written = data.ToArray();
            return InTurn(() => written.CopyTo(bytes.AsSpan((int)offsetBytes)));
        }

        private ValueTask InTurn(Action io)
        {
            var answer = new TaskCompletionSource();
            world.due.Add(() =>
            {
                var fails = world.Strikes;
                if (!fails || world.Pick(2) == 0)
                {
                    io();
                }

                // Between landing and being answered others have their turns.
                world.due.Add(() =>
                {
                    if (fails)
                    {
                        answer.SetException(new IOException("no answer"));
                    }
                    else
                    {
                        answer.SetResult();
                    }
                });
            });
            return new ValueTask(answer.Task);
        }
    }

    private sealed class TurnClock(TurnWorld world) : TimeProvider, IChoice
    {
        private TimeSpan now = TimeSpan.FromSeconds(1000);

        /// <summary>While hosts join, which waits 2 T; else a pause is a turn. A time limit of T strikes by chance; what the lease has left never ends.</summary>
        public bool Passes { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => now.Ticks;

        public int Pick(int count, string what) => world.Pick(count);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = new Turn();
            var at = now + dueTime;
            var isPause = Passes ? dueTime > Timing.IoTimeout : dueTime <= TimeSpan.FromSeconds(2);
            if (dueTime != Timeout.InfiniteTimeSpan && (isPause || (dueTime == Timing.IoTimeout && world.Strikes)))
            {
                world.due.Add(() =>
                {
                    if (!timer.IsOver)
                    {
                        now = Passes && at > now ? at : now;
                        callback(state);
                    }
                });
            }

            return timer;
        }

        private sealed class Turn : ITimer
        {
            public bool IsOver { get; private set; }

            public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException("nobody changes a timer here");

            public void Dispose() => IsOver = true;

            public ValueTask DisposeAsync()
            {
                Dispose();
                return ValueTask.CompletedTask;
            }
        }
    }
}
