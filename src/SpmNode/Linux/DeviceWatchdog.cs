using OvirtSpm.Leases;

namespace OvirtSpm.Node.Linux;

/// <summary>A watchdog device that this node feeds itself, from a thread that waits for nothing else.</summary>
/// <remarks>
/// R21: it is fed only while the deadline holds, so it fires at most its timeout after the deadline. Between being fed and disarmed it is
/// open; a node that is killed meanwhile leaves it running, and the next life of the node disarms it when R7 has shown that every write
/// of the former one has returned. If none comes in time, or a write hangs, the machine is reset.
/// </remarks>
public sealed class DeviceWatchdog : IWatchdog, IDisposable
{
    const uint Needed = Libc.WDIOF_SETTIMEOUT | Libc.WDIOF_MAGICCLOSE | Libc.WDIOF_KEEPALIVEPING;

    readonly IWatchdogFile file;
    readonly TimeProvider bootClock;
    readonly Action<string> log;
    readonly Lock gate = new();
    readonly AutoResetEvent changed = new(initialState: false);
    TimeSpan timeout;
    bool hasPretimeout;
    TimeSpan? fedUntil;
    bool disposed;

    public DeviceWatchdog(IWatchdogFile file, TimeProvider bootClock, Action<string> log)
    {
        (this.file, this.bootClock, this.log) = (file, bootClock, log);
        new Thread(KeepFeeding) { IsBackground = true, Name = "watchdog", Priority = ThreadPriority.Highest }.Start();
    }

    public bool IsUnsafe => false;

    public string Name => file.Path;

    public bool IsArmed
    {
        get
        {
            lock (gate)
            {
                return fedUntil is not null;
            }
        }
    }

    public string? Prepare(LeaseTiming timing)
    {
        lock (gate)
        {
            try
            {
                file.Open();
                string? problem;
                try
                {
                    var (options, identity) = file.Support();
                    hasPretimeout = (options & Libc.WDIOF_PRETIMEOUT) != 0;
                    problem = (options & Needed) != Needed
                        ? $"{file.Path} ({identity}) cannot do what is needed: set its timeout, be fed, be closed without a reset (its options are 0x{options:x})"
                        : Fit(timing, identity);
                }
                catch (IOException failed)
                {
                    problem = $"the watchdog cannot be used: {failed.Message}";
                }
                // Open, it counts down: closed in any other way it would reset this machine although the node only refused to start.
                file.MagicClose();
                return problem;
            }
            catch (IOException failed)
            {
                return $"the watchdog cannot be used: {failed.Message}";
            }
        }
    }

    public string? Feed(TimeSpan expiresAt)
    {
        lock (gate)
        {
            try
            {
                if (fedUntil is null)
                {
                    file.Open();
                    fedUntil = expiresAt;
                    if (file.SetTimeout(timeout) is var taken && taken > timeout)
                    {
                        return $"{file.Path} takes {taken.TotalSeconds:0} s now, {timeout.TotalSeconds:0} s at start";
                    }
                    SetPretimeout();
                }
                fedUntil = expiresAt;
                FeedIfInTime();
                changed.Set();
                return null;
            }
            catch (IOException failed)
            {
                // Left as it is: a device that runs and cannot be fed resets the machine, which is what it is for.
                log($"the watchdog was not fed: {failed.Message}");
                return failed.Message;
            }
        }
    }

    public void Disarm()
    {
        lock (gate)
        {
            if (fedUntil is null)
            {
                return;
            }
            fedUntil = null;
            try
            {
                file.MagicClose();
            }
            catch (IOException failed)
            {
                log($"the watchdog could not be disarmed and resets this machine within {timeout.TotalSeconds:0} s: {failed.Message}");
            }
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
            changed.Set();
        }
    }

    string? Fit(LeaseTiming timing, string identity)
    {
        if (timing.WatchdogTimeout < TimeSpan.FromSeconds(2))
        {
            return $"{file.Path} ({identity}) is of no use to a pool whose watchdog timeout W is {timing.WatchdogTimeout.TotalSeconds:0} s: others take over {timing.HostDead.TotalSeconds:0} s after "
                + $"this host's last renewal, before it would be reset. Make the pool with a --watchdog-timeout, or start with --watchdog none.\n{timing.Explain()}";
        }
        timeout = file.SetTimeout(timing.WatchdogTimeout);
        if (timeout > timing.WatchdogTimeout || timeout < TimeSpan.FromSeconds(2))
        {
            return $"{file.Path} ({identity}) takes {timeout.TotalSeconds:0} s when asked for {timing.WatchdogTimeout.TotalSeconds:0}: this host would be reset up to {(timing.Expiry + timeout).TotalSeconds:0} s "
                + $"after its last renewal, others take over after {timing.HostDead.TotalSeconds:0} s. Use another device, or a pool with a larger --watchdog-timeout.\n{timing.Explain()}";
        }
        return null;
    }

    /// <summary>Whoever is reset wants to know why. Within the timeout, so it changes nothing of when the machine is gone at the latest.</summary>
    void SetPretimeout()
    {
        if (!hasPretimeout)
        {
            return;
        }
        try
        {
            file.SetPretimeout(TimeSpan.FromSeconds(Math.Max(1, Math.Floor(timeout.TotalSeconds / 4))));
        }
        catch (IOException failed)
        {
            hasPretimeout = false;
            log($"the watchdog fires without saying so before: {failed.Message}");
        }
    }

    /// <summary>The deadline first, then the device: what is fed at the deadline fires a timeout after it, no later.</summary>
    void FeedIfInTime()
    {
        if (bootClock.GetElapsedTime(0) < fedUntil)
        {
            file.KeepAlive();
        }
    }

    void KeepFeeding()
    {
        while (true)
        {
            TimeSpan wait;
            lock (gate)
            {
                if (disposed)
                {
                    return;
                }
                // Four times in its own timeout, so that one late turn of this thread costs nothing.
                wait = fedUntil is null ? Timeout.InfiniteTimeSpan : timeout / 4;
            }
            changed.WaitOne(wait);
            lock (gate)
            {
                try
                {
                    if (fedUntil is not null)
                    {
                        FeedIfInTime();
                    }
                }
                catch (IOException failed)
                {
                    log($"the watchdog was not fed: {failed.Message}");
                }
            }
        }
    }
}
