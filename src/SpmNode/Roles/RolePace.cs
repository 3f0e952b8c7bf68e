namespace OvirtSpm.Node.Roles;

/// <summary>How often a host looks, by the pool's T. Pure.</summary>
/// <remarks>
/// Everything that looks for changes learns of them through renewals, every 2 T, or through messages; to look much more often than that is
/// load on the storage, from every host at once, and shows nothing.
/// </remarks>
sealed record RolePace(TimeSpan IoTimeout)
{
    /// <summary>A follower looks at the lease: bounds how long a released one stays unused when no message tells of it.</summary>
    public TimeSpan Look { get; } = Clamp(IoTimeout / 10, TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(1));

    /// <summary>A follower reads the records of hosts that hold an id. A new leader's are read at once.</summary>
    public TimeSpan Records { get; } = Clamp(IoTimeout / 2, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(5));

    /// <summary>A leader reads its own deadline when nothing is asked of it: a tenth of the margin in which its term must end in order (R25).</summary>
    public TimeSpan Watch { get; } = Clamp(IoTimeout / 20, TimeSpan.FromMilliseconds(50), TimeSpan.FromMilliseconds(500));

    /// <summary>A leader reads its own lease, for requests of others.</summary>
    public TimeSpan Requests { get; } = Clamp(IoTimeout / 10, TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(1));

    /// <summary>Two looks: a host with a higher preference has seen the lease, too.</summary>
    public TimeSpan Deference => 2 * Look;

    static TimeSpan Clamp(TimeSpan time, TimeSpan least, TimeSpan most) => time < least ? least : time > most ? most : time;
}
