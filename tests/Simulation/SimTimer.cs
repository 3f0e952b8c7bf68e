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

    public bool Change(TimeSpan dueTime, TimeSpan periodNow)
    {
        (Setting, period) = (Setting + 1, periodNow);
        if (dueTime != Timeout.InfiniteTimeSpan)
        {
            clock.Set(this, dueTime);
        }

        return true;
    }

    public void Dispose() => Setting++;

    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    private void Run()
    {
        if (period != Timeout.InfiniteTimeSpan && period != TimeSpan.Zero)
        {
            clock.Set(this, period);
        }

        callback(state);
    }
}
