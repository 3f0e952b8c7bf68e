namespace OvirtSpm.Leases;

/// <summary>The boot clock as time since boot, and as the whole seconds that go on disk.</summary>
internal readonly struct LeaseClock(TimeProvider bootClock)
{
    public TimeSpan Now => bootClock.GetElapsedTime(0);

    /// <summary>Never 0 (that means free) and never below <paramref name="atLeast"/>: a timestamp must not go back within a generation.</summary>
    public static ulong OnDisk(TimeSpan now, ulong atLeast) => Math.Max(Math.Max(1, atLeast), (ulong)Math.Max(0, now.Ticks / TimeSpan.TicksPerSecond));

    /// <summary>A delay counts whole milliseconds and drops the rest. It may end some too early: the runtime's timers go by a clock that the kernel moves on every four.</summary>
    public Task WaitAsync(TimeSpan time, CancellationToken stop) =>
        time > TimeSpan.Zero ? Task.Delay(TimeSpan.FromMilliseconds(Math.Ceiling(time.TotalMilliseconds) + 1), bootClock, stop) : Task.CompletedTask;
}
