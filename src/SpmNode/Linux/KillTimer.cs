using System.Runtime.InteropServices;
using OvirtSpm.Leases;

namespace OvirtSpm.Node.Linux;

/// <summary>A timer of the kernel that sends SIGKILL to this process.</summary>
/// <remarks>
/// On CLOCK_BOOTTIME, absolute: it counts suspend like the deadline itself. SIGKILL needs no cooperation: it ends a process that is
/// stopped, and one whose threads all wait. A thread in an uninterruptible I/O ends when the I/O returns, and does nothing more.
/// </remarks>
public sealed unsafe class KillTimer : IKillTimer, IDisposable
{
    readonly nint timer;

    /// <exception cref="PlatformNotSupportedException">The kernel has no such timer.</exception>
    public KillTimer()
    {
        var how = new SignalEvent { Signal = Libc.SIGKILL, Notify = Libc.SIGEV_SIGNAL };
        nint made;
        if (Libc.timer_create(Libc.CLOCK_BOOTTIME, &how, &made) != 0)
        {
            throw new PlatformNotSupportedException(
                $"timer_create on CLOCK_BOOTTIME failed with errno {Marshal.GetLastPInvokeError()}. Without it a stopped SPM is not killed at its deadline; switch it off with \"killTimer\": false to run all the same.");
        }
        timer = made;
    }

    public void Arm(TimeSpan at)
    {
        // A time of zero would disarm it; one that has passed fires at once, which is meant.
        var nanoseconds = Math.Max(1, at.Ticks * 100);
        Set(new TimerSetting { Value = new TimeSpec { Seconds = nanoseconds / 1_000_000_000, Nanoseconds = nanoseconds % 1_000_000_000 } });
    }

    public void Disarm() => Set(default);

    public void Dispose() => _ = Libc.timer_delete(timer);

    void Set(TimerSetting setting)
    {
        if (Libc.timer_settime(timer, Libc.TIMER_ABSTIME, &setting, null) != 0)
        {
            throw new InvalidOperationException($"timer_settime failed with errno {Marshal.GetLastPInvokeError()}: a timer that was made is valid until it is deleted.");
        }
    }
}
