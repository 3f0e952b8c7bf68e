using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Resource;

/// <summary>Does one life (host id, generation) that holds a resource still last? Steps without I/O.</summary>
/// <remarks>
/// It lasts as long as its host id's sector keeps changing under that generation. Whatever cannot be known means "alive".
/// Source: sanlock 3.8.5, paxos_lease.c and host_id.c.
/// </remarks>
internal sealed class OwnerWatch
{
    /// <summary>What a look showed instead of a timestamp when the sector did not name the life we watch: no living one has 0.</summary>
    private const ulong NotThere = 0;

    private readonly int hostId;
    private readonly ulong generation;
    private readonly LeaseTiming timing;
    private readonly Func<int, ulong, TimeSpan?> watchdogTimeoutOf;
    private ulong? seen;
    private TimeSpan unchangedSince;

    /// <param name="sighting">What the host table knows about the host id; null when nothing.</param>
    public OwnerWatch(int hostId, ulong generation, LeaseTiming timing, Func<int, ulong, TimeSpan?> watchdogTimeoutOf, HostSighting? sighting)
    {
        (this.hostId, this.generation, this.timing, this.watchdogTimeoutOf) = (hostId, generation, timing, watchdogTimeoutOf);
        if (sighting is { Error: RecordError.None, Record: { } record })
        {
            var there = IsThisLife(record);
            (seen, unchangedSince) = there ? (record.Timestamp, sighting.LastChange) : (NotThere, sighting.LifeSince);
            SeenAlive = there && !sighting.NeverSeenToChange;
        }
    }

    /// <summary>It was seen to renew since we began to look.</summary>
    public bool SeenAlive { get; private set; }

    /// <summary>How long at most until it is provably dead.</summary>
    public TimeSpan Remaining { get; private set; }

    /// <summary>It has not renewed for longer than it may write: it is failing, not alive.</summary>
    public bool IsOverdue { get; private set; }

    /// <param name="sector">The host id's sector, believed.</param>
    /// <param name="askedAt">Before the read was issued.</param>
    /// <param name="answeredAt">After it returned.</param>
    /// <returns>True when that life is over.</returns>
    public bool IsGone(LeaderRecord sector, TimeSpan askedAt, TimeSpan answeredAt)
    {
        // A life ends at once by being given back, and a later one begins only after it is dead or gave up.
        if (sector.OwnerId == (ulong)hostId
            && (sector.OwnerGeneration > generation || (sector.OwnerGeneration == generation && sector.Timestamp == 0)))
        {
            return true;
        }

        // A sector that was never used, or is in an earlier life, belongs to a lockspace made anew beside a resource that was kept. Its
        // owner loses the host id at its next renewal, but until its deadline it may not know: it has the time that a silent one has.
        var now = IsThisLife(sector) ? sector.Timestamp : NotThere;
        if (seen != now)
        {
            SeenAlive = now != NotThere && (SeenAlive || seen is not null);
            (seen, unchangedSince) = (now, answeredAt);
        }

        var ioTimeout = sector.IoTimeoutSeconds == 0 ? timing.IoTimeout : TimeSpan.FromSeconds(sector.IoTimeoutSeconds);
        var dead = timing.DeadAfter(ioTimeout, watchdogTimeoutOf(hostId, generation));

        // Counted to when the read was asked for, not to now: if we slept since, the owner may have renewed meanwhile.
        var unchanged = askedAt - unchangedSince;
        IsOverdue = unchanged > LeaseTiming.ExpiryOf(ioTimeout);
        Remaining = dead - unchanged + TimeSpan.FromMilliseconds(1);
        return unchanged > dead;
    }

    private bool IsThisLife(LeaderRecord record) => record.OwnerId == (ulong)hostId && record.OwnerGeneration == generation;
}
