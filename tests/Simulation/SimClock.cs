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
        new SimTimer(this, callback, state, dueTime, period);

    /// <summary>The world's time at which this clock shows <paramref name="local"/>.</summary>
    public TimeSpan WorldTimeOf(TimeSpan local) => TimeSpan.FromTicks((long)((Int128)(local - offset).Ticks * 1_000_000 / (1_000_000 + partsPerMillion)));

    private long LocalTicks(long worldTicks) => offset.Ticks + worldTicks + (worldTicks * partsPerMillion / 1_000_000);

    /// <summary>The world's ticks after which <paramref name="local"/> has passed here.</summary>
    /// <remarks>One more than the exact conversion: a timer must never fire before its own clock shows the time.</remarks>
    internal void Set(SimTimer timer, TimeSpan local) =>
        scheduler.At(scheduler.NowTicks + (long)((Int128)local.Ticks * 1_000_000 / (1_000_000 + partsPerMillion)) + 1, process, timer, timer.Setting);
}
