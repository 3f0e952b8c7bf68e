using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Resource;

/// <summary>Does the owner named by a leader record still live? Steps without I/O.</summary>
/// <remarks>
/// The owner lives as long as its host id's sector keeps changing under the generation that the leader names.
/// Whatever cannot be known means "alive". Source: sanlock 3.8.5, paxos_lease.c and host_id.c.
/// </remarks>
internal sealed class OwnerWatch
{
    private readonly LeaderRecord leader;
    private readonly LeaseTiming timing;
    private readonly Func<int, ulong, TimeSpan?> watchdogTimeoutOf;
    private ulong? seenTimestamp;
    private TimeSpan unchangedSince;

    /// <param name="sighting">What the host table knows about the owner's host id; null when nothing.</param>
    public OwnerWatch(LeaderRecord leader, LeaseTiming timing, Func<int, ulong, TimeSpan?> watchdogTimeoutOf, HostSighting? sighting)
    {
        (this.leader, this.timing, this.watchdogTimeoutOf) = (leader, timing, watchdogTimeoutOf);
        if (sighting is { Error: RecordError.None, Record: { } record }
            && record.OwnerId == leader.OwnerId && record.OwnerGeneration == leader.OwnerGeneration)
        {
            (seenTimestamp, unchangedSince) = (record.Timestamp, sighting.LastChange);
            SeenAlive = !sighting.NeverSeenToChange;
        }
    }

    /// <summary>It was seen to renew since we began to look.</summary>
    public bool SeenAlive { get; private set; }

    /// <summary>How long at most until it is provably dead.</summary>
    public TimeSpan Remaining { get; private set; }

    /// <summary>It has not renewed for longer than it may write: it is failing, not alive.</summary>
    public bool IsOverdue { get; private set; }

    /// <param name="owner">The owner's host id sector, believed.</param>
    /// <param name="askedAt">Before the read was issued.</param>
    /// <param name="answeredAt">After it returned.</param>
    /// <returns>True when that life of the owner is over.</returns>
    public bool IsGone(LeaderRecord owner, TimeSpan askedAt, TimeSpan answeredAt)
    {
        // A host id gets free only by being given back, and a new life begins only after the old one is dead or gave up.
        if (owner.Timestamp == 0 || owner.OwnerId != leader.OwnerId || owner.OwnerGeneration > leader.OwnerGeneration)
        {
            return true;
        }

        if (seenTimestamp != owner.Timestamp)
        {
            SeenAlive |= seenTimestamp is not null;
            (seenTimestamp, unchangedSince) = (owner.Timestamp, answeredAt);
        }

        var ioTimeout = owner.IoTimeoutSeconds == 0 ? timing.IoTimeout : TimeSpan.FromSeconds(owner.IoTimeoutSeconds);
        var dead = timing.DeadAfter(ioTimeout, watchdogTimeoutOf((int)leader.OwnerId, leader.OwnerGeneration));

        // Counted to when the read was asked for, not to now: if we slept since, the owner may have renewed meanwhile.
        var unchanged = askedAt - unchangedSince;
        IsOverdue = unchanged > LeaseTiming.ExpiryOf(ioTimeout);
        Remaining = dead - unchanged + TimeSpan.FromMilliseconds(1);
        return unchanged > dead;
    }
}
