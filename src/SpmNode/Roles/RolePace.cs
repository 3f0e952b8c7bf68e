namespace OvirtSpm.Node.Roles;

/// <summary>How often a host looks, by the pool's T. Pure.</summary>
/// <remarks>
/// Everything that looks for changes learns of them through renewals, every 2 T, or through messages; to look much more often than that is
/// load on the storage, from every host at once, and shows nothing.
/// </remarks>
sealed record RolePace(TimeSpan IoTimeout)
{
    /// <summary>A follower looks at the lease: bounds how long a released one stays unused when no message tells of it.</summary>
    public TimeSpan Look { get; } = Clamp(IoTimeout / 5, TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(2));

    /// <summary>A follower reads the records of hosts that hold an id. A new leader's are read at once.</summary>
    public TimeSpan Records { get; } = Clamp(IoTimeout, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(10));

    /// <summary>A leader reads its own lease, for requests of others, and asks itself whether it should step down.</summary>
    public TimeSpan Requests { get; } = Clamp(IoTimeout / 10, TimeSpan.FromMilliseconds(500), TimeSpan.FromSeconds(1));

    /// <summary>Two looks: a host with a higher preference has seen the lease, too.</summary>
    public TimeSpan Deference => 2 * Look;

    static TimeSpan Clamp(TimeSpan time, TimeSpan least, TimeSpan most) => time < least ? least : time > most ? most : time;
}
