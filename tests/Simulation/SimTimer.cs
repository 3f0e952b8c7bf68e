namespace OvirtSpm.Simulation;

/// <summary>A timer on one host's clock.</summary>
internal sealed class SimTimer : ITimer
{
    private readonly SimClock clock;
    private readonly TimerCallback callback;
    private readonly object? state;
    private TimeSpan period;

    public SimTimer(SimClock clock, TimerCallback callback, object? state, TimeSpan due, TimeSpan period)
    {
        (this.clock, this.callback, this.state) = (clock, callback, state);
        Change(due, period);
    }

    public static SendOrPostCallback Fire { get; } = timer => ((SimTimer)timer!).Run();

    /// <summary>Another one every time it is set: what was queued before is void.</summary>
    public long Setting { get; private set; }

    public long DueRunTicks { get; private set; }

    public bool Change(TimeSpan dueTime, TimeSpan periodNow)
    {
        (Setting, period) = (Setting + 1, periodNow);
        if (dueTime != Timeout.InfiniteTimeSpan)
        {
            Set(dueTime);
        }

        return true;
    }

    public void Dispose() => Setting++;

    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    private void Set(TimeSpan time)
    {
        DueRunTicks = clock.After(time);
        clock.Set(this);
    }

    private void Run()
    {
        if (clock.RunTicks < DueRunTicks)
        {
            // The machine's clocks stood still meanwhile.
            clock.Set(this);
            return;
        }

        if (period != Timeout.InfiniteTimeSpan && period != TimeSpan.Zero)
        {
            Set(period);
        }

        callback(state);
    }
}
