namespace OvirtSpm.Leases;

/// <summary>Every duration of the lease protocol, derived from one I/O timeout T and the watchdog timeout W.</summary>
/// <remarks>
/// The holder counts 8 T from <em>before</em> its last successful renewal was issued. An observer counts 8 T + W from the moment it
/// <em>saw</em> the renewal, which is later; so when an observer takes over, the holder's deadline passed at least W ago, and within
/// that W its watchdog has reset the machine, which is what ends a write that hangs in the kernel.
/// 8 T is one renewal interval of 2 T and three failed renewals of 2 T each (read T, write T).
/// Source: sanlock 3.8.5, timeouts.h (its arithmetic), takeover measured at 8 T + W + 1 to 10 T + W + 2.5 s.
/// </remarks>
public sealed record LeaseTiming
{
    /// <summary>Two clocks may run apart by this share: each is slewed by at most 500 ppm.</summary>
    private const int ClockRatePartsPerMillion = 1000;

    /// <param name="IoTimeout">T: whole seconds, 1 to 255.</param>
    /// <param name="WatchdogTimeout">W: whole seconds from 0; 0 means that nothing resets a machine whose writes hang.</param>
    /// <exception cref="ArgumentOutOfRangeException">A value outside these limits.</exception>
    public LeaseTiming(TimeSpan IoTimeout, TimeSpan WatchdogTimeout)
    {
        if (IoTimeout.Ticks % TimeSpan.TicksPerSecond != 0 || IoTimeout < TimeSpan.FromSeconds(1) || IoTimeout > TimeSpan.FromSeconds(255))
        {
            throw new ArgumentOutOfRangeException(nameof(IoTimeout), IoTimeout, "the io timeout must be 1 to 255 whole seconds; 10 is usual");
        }

        if (WatchdogTimeout.Ticks % TimeSpan.TicksPerSecond != 0 || WatchdogTimeout < TimeSpan.Zero || WatchdogTimeout > TimeSpan.FromHours(1))
        {
            throw new ArgumentOutOfRangeException(nameof(WatchdogTimeout), WatchdogTimeout,
                "the watchdog timeout must be 0 to 3600 whole seconds; 60 is usual, 0 means there is none");
        }

        this.IoTimeout = IoTimeout;
        this.WatchdogTimeout = WatchdogTimeout;
    }

    /// <summary>What is assumed of the watchdog of a host that left no record of ours: sanlock's own constant (R19).</summary>
    public static TimeSpan UnknownHostWatchdog { get; } = TimeSpan.FromSeconds(60);

    public static TimeSpan RenewalPause { get; } = TimeSpan.FromSeconds(0.5);

    /// <summary>T: how long one I/O may take before it counts as failed.</summary>
    public TimeSpan IoTimeout { get; }

    /// <summary>W: a machine whose deadline passed is reset within this time.</summary>
    public TimeSpan WatchdogTimeout { get; }

    /// <summary>2 T from one renewal to the next; <see cref="RenewalPause"/> comes on top.</summary>
    public TimeSpan RenewalInterval => 2 * IoTimeout;

    /// <summary>8 T: how long a renewal allows to write, counted from before it was issued.</summary>
    public TimeSpan Expiry => ExpiryOf(IoTimeout);

    /// <summary>8 T + W: a host whose lease did not change for longer is dead.</summary>
    public TimeSpan HostDead => Expiry + WatchdogTimeout;

    /// <summary>2 T: what joining a free host id waits.</summary>
    public TimeSpan JoinFree => JoinFreeOf(IoTimeout);

    /// <summary>8 T + W and then 2 T: what joining waits when another name held the host id and did not leave.</summary>
    public TimeSpan JoinHeld => HostDead + JoinFree;

    /// <summary>10 T + W + 2.5 s: the longest time from a crash of the holder to the next grant, ballot I/O not counted.</summary>
    public TimeSpan FailoverBound => HostDead + RenewalInterval + TimeSpan.FromSeconds(2.5);

    /// <summary>6 T + W − 0.5 s: the shortest.</summary>
    public TimeSpan FailoverAtBest => HostDead - RenewalInterval - RenewalPause;

    public static TimeSpan ExpiryOf(TimeSpan ioTimeout) => 8 * ioTimeout;

    public static TimeSpan JoinFreeOf(TimeSpan ioTimeout) => 2 * ioTimeout;

    /// <summary>How long another host's lease must stay unchanged, on our clock, before it is dead.</summary>
    /// <param name="itsIoTimeout">From its sector; zero when it states none.</param>
    /// <param name="itsWatchdog">From its host record; null when it has none.</param>
    /// <remarks>
    /// R19: the largest of own, owner's and pool's values; at least 60 s of watchdog for a host without a record of ours.
    /// One part in a thousand on top: our clock may run faster than the holder's, and with W = 0 there is nothing else between
    /// its deadline and our takeover.
    /// </remarks>
    public TimeSpan DeadAfter(TimeSpan itsIoTimeout, TimeSpan? itsWatchdog)
    {
        var watchdog = itsWatchdog ?? UnknownHostWatchdog;
        var wait = ExpiryOf(itsIoTimeout > IoTimeout ? itsIoTimeout : IoTimeout) + (watchdog > WatchdogTimeout ? watchdog : WatchdogTimeout);
        return wait + wait * ClockRatePartsPerMillion / 1_000_000;
    }

    /// <summary>The arithmetic for people, one duration a line.</summary>
    public string Explain() => $"""
        io timeout T          {Seconds(IoTimeout)}
        watchdog timeout W    {Seconds(WatchdogTimeout)}{(WatchdogTimeout == TimeSpan.Zero ? "  (none: a write stuck in the kernel of a dead leader may land late)" : "")}
        renewal               every 2T + 0.5 = {Seconds(RenewalInterval + RenewalPause)}
        may write until       8T = {Seconds(Expiry)} after the last successful renewal
        a host is dead after  8T + W = {Seconds(HostDead)} without a change
        join, host id free    2T = {Seconds(JoinFree)}
        join, held by a dead  8T + W + 2T = {Seconds(JoinHeld)}
        failover              6T + W - 0.5 = {Seconds(FailoverAtBest)} at best, 10T + W + 2.5 = {Seconds(FailoverBound)} at most
        """;

    private static string Seconds(TimeSpan time) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.#} s");
}
