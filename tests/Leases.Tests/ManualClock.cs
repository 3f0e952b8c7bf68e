namespace OvirtSpm.Leases.Tests;

/// <summary>A boot clock that jumps to the next timer as soon as somebody waits. Its tick rate is odd on purpose: unit mistakes fail.</summary>
internal sealed class ManualClock : TimeProvider
{
    private const long PerSecond = 7_000_003;

    public TimeSpan Now { get; set; } = TimeSpan.FromSeconds(1000);

    /// <summary>How much too soon a timer fires. The runtime's go by a clock that the kernel moves on every four milliseconds.</summary>
    public TimeSpan Early { get; init; }

    public override long TimestampFrequency => PerSecond;

    public override long GetTimestamp() => (long)((Int128)Now.Ticks * PerSecond / TimeSpan.TicksPerSecond);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => new Jump(this, callback, state, dueTime);

    private sealed class Jump : ITimer
    {
        private readonly ManualClock clock;
        private readonly TimerCallback callback;
        private readonly object? state;

        public Jump(ManualClock clock, TimerCallback callback, object? state, TimeSpan due)
        {
            (this.clock, this.callback, this.state) = (clock, callback, state);
            Change(due, Timeout.InfiniteTimeSpan);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime != Timeout.InfiniteTimeSpan)
            {
                // Fired from elsewhere: a timer that fires inside its own creation is one no caller expects.
                ThreadPool.QueueUserWorkItem(_ =>
                {
                    var late = TimeSpan.FromMilliseconds(1);
                    clock.Now += dueTime > clock.Early ? dueTime + late - clock.Early : late;
                    callback(state);
                });
            }

            return true;
        }

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
