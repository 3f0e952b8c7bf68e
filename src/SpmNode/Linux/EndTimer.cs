using System.Runtime.InteropServices;

namespace OvirtSpm.Node.Linux;

/// <summary>A timer of the kernel that kills this process when it is not put off in time, also when it is stopped.</summary>
/// <remarks>On CLOCK_BOOTTIME: what was asleep for too long is killed as soon as the machine wakes.</remarks>
public sealed unsafe partial class EndTimer : IDisposable
{
    const int SigKill = 9;
    readonly nint timer;

    /// <exception cref="PlatformNotSupportedException">The kernel has no such timer.</exception>
    public EndTimer()
    {
        // struct sigevent: 0 u64 value, 8 i32 signal, 12 i32 how to notify (0: by signal), 64 end.
        var how = stackalloc int[16];
        new Span<int>(how, 16).Clear();
        how[2] = SigKill;
        nint made;
        if (timer_create(Libc.CLOCK_BOOTTIME, how, &made) != 0)
        {
            throw new PlatformNotSupportedException($"timer_create on CLOCK_BOOTTIME failed: {Errno.Text(Marshal.GetLastPInvokeError())}. Without it a command could outlive its lease.");
        }
        timer = made;
    }

    /// <summary>Kills this process after this time; a time that has passed means now.</summary>
    public void Put(TimeSpan after) => Set(after > TimeSpan.Zero ? after : TimeSpan.FromTicks(1));

    public void Dispose() => _ = timer_delete(timer);

    void Set(TimeSpan after)
    {
        // struct itimerspec: interval, value.
        var setting = stackalloc TimeSpec[2];
        setting[0] = default;
        setting[1] = new TimeSpec { Seconds = after.Ticks / TimeSpan.TicksPerSecond, Nanoseconds = after.Ticks % TimeSpan.TicksPerSecond * 100 };
        if (timer_settime(timer, 0, setting, null) != 0)
        {
            throw new InvalidOperationException($"timer_settime failed: {Errno.Text(Marshal.GetLastPInvokeError())}.");
        }
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int timer_create(int clock, int* how, nint* timer);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int timer_settime(nint timer, int flags, TimeSpec* setting, TimeSpec* old);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int timer_delete(nint timer);
}
