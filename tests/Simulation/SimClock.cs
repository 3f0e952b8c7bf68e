namespace OvirtSpm.Simulation;

/// <summary>One host's clock: its own offset and rate, and an odd number of ticks a second so that unit mistakes fail.</summary>
internal sealed class SimClock(SimScheduler scheduler, SimProcess process, TimeSpan offset, int partsPerMillion) : TimeProvider
{
    private const long PerSecond = 7_000_003;

    public override long TimestampFrequency => PerSecond;

    public override long GetTimestamp()
    {
        var (seconds, rest) = Math.DivRem(LocalTicks(scheduler.NowTicks), TimeSpan.TicksPerSecond);
        return (seconds * PerSecond) + (rest * PerSecond / TimeSpan.TicksPerSecond);
    }

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + TimeSpan.FromTicks(LocalTicks(scheduler.NowTicks));

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new Timer(this, callback, state, dueTime, period);

    /// <summary>The world's time at which this clock shows <paramref name="local"/>.</summary>
    public TimeSpan WorldTimeOf(TimeSpan local) => TimeSpan.FromTicks((long)((Int128)(local - offset).Ticks * 1_000_000 / (1_000_000 + partsPerMillion)));

    private long LocalTicks(long worldTicks) => offset.Ticks + worldTicks + (worldTicks * partsPerMillion / 1_000_000);

    private sealed class Timer : ITimer
    {
        private readonly SimClock clock;
        private readonly TimerCallback callback;
        private readonly object? state;
        private long armed;

        public Timer(SimClock clock, TimerCallback callback, object? state, TimeSpan due, TimeSpan period)
        {
            (this.clock, this.callback, this.state) = (clock, callback, state);
            Change(due, period);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var mine = ++armed;
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                clock.After(dueTime, () => Fire(mine, period));
            }

            return true;
        }

        public void Dispose() => armed++;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Fire(long mine, TimeSpan period)
        {
            if (mine != armed)
            {
                return;
            }

            if (period != Timeout.InfiniteTimeSpan && period != TimeSpan.Zero)
            {
                clock.After(period, () => Fire(mine, period));
            }

            callback(state);
        }
    }

    private void After(TimeSpan local, Action act)
    {
        // One tick more than the exact conversion: a timer must never fire before its own clock shows the time.
        var world = (long)((Int128)local.Ticks * 1_000_000 / (1_000_000 + partsPerMillion)) + 1;
        scheduler.At(scheduler.NowTicks + world, process, act);
    }
}
