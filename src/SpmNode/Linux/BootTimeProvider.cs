namespace OvirtSpm.Node.Linux;

/// <summary>Time that goes on while the machine is suspended.</summary>
/// <remarks>
/// Timestamps are nanoseconds of CLOCK_BOOTTIME. .NET's own come from CLOCK_MONOTONIC, which stops in suspend: a host that
/// slept for an hour would believe that its lease still holds. Timers are the system's and may fire late after a suspend;
/// a timer is never the fence, the timestamp is.
/// </remarks>
public sealed class BootTimeProvider : TimeProvider
{
    public static BootTimeProvider Instance { get; } = new();

    public override long TimestampFrequency => 1_000_000_000;

    public override long GetTimestamp() => Read(Libc.CLOCK_BOOTTIME);

    /// <summary>What other daemons count on: it stops in suspend. Never for a deadline.</summary>
    public static TimeSpan Monotonic() => TimeSpan.FromTicks(Read(Libc.CLOCK_MONOTONIC) / 100);

    static unsafe long Read(int clock)
    {
        TimeSpec now;
        if (Libc.clock_gettime(clock, &now) != 0)
        {
            throw new PlatformNotSupportedException("This kernel has no CLOCK_BOOTTIME. A lease cannot be kept safely here; Linux 2.6.39 or newer is needed.");
        }

        return now.Seconds * 1_000_000_000 + now.Nanoseconds;
    }
}
