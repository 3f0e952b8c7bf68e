namespace OvirtSpm.Simulation;

/// <summary>One host's clock: its own offset and rate, and an odd number of ticks a second so that unit mistakes fail.</summary>
/// <param name="stop">When all clocks of the machine stand still; null: never.</param>
internal sealed class SimClock(SimScheduler scheduler, SimProcess process, TimeSpan offset, int partsPerMillion, ClockStop? stop = null) : TimeProvider
{
    private const long PerSecond = 7_000_003;

    /// <summary>The world's ticks that were this machine's, too.</summary>
    public long RunTicks => scheduler.NowTicks - (stop?.TotalTicks ?? 0);

    public override long TimestampFrequency => PerSecond;

    public override long GetTimestamp()
    {
        var (seconds, rest) = Math.DivRem(LocalTicks(RunTicks), TimeSpan.TicksPerSecond);
        return (seconds * PerSecond) + (rest * PerSecond / TimeSpan.TicksPerSecond);
    }

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + TimeSpan.FromTicks(LocalTicks(RunTicks));

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new SimTimer(this, callback, state, dueTime, period);

    /// <summary>When this clock shows <paramref name="local"/>, whatever the machine's programs do.</summary>
    public void At(TimeSpan local, Action act) => AtRun((long)((Int128)(local - offset).Ticks * 1_000_000 / (1_000_000 + partsPerMillion)), act);

    private void AtRun(long runTicks, Action act) => scheduler.At(scheduler.NowTicks + runTicks - RunTicks, () =>
    {
        if (stop?.IsStopped == true || RunTicks < runTicks)
        {
            stop!.WhenGoing(() => AtRun(runTicks, act));
        }
        else
        {
            act();
        }
    });

    private long LocalTicks(long runTicks) => offset.Ticks + runTicks + (runTicks * partsPerMillion / 1_000_000);

    /// <returns>What <see cref="RunTicks"/> will be when <paramref name="local"/> has passed here.</returns>
    /// <remarks>One more than the exact conversion: a timer must never fire before its own clock shows the time.</remarks>
    internal long After(TimeSpan local) => RunTicks + (long)((Int128)local.Ticks * 1_000_000 / (1_000_000 + partsPerMillion)) + 1;

    internal void Set(SimTimer timer) => scheduler.At(scheduler.NowTicks + timer.DueRunTicks - RunTicks, process, timer, timer.Setting);
}
