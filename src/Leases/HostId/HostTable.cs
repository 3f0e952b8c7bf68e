using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.HostId;

/// <summary>All host ids of a lockspace as this host sees them. Written by the renewal loop, read by anybody.</summary>
/// <remarks>Clocks of two hosts are never compared: a host lives while its sector keeps changing on <em>our</em> clock.</remarks>
public sealed class HostTable
{
    private readonly HostSighting?[] sightings;
    private int lookedTo;
    private readonly LeaseGeometry geometry;
    private readonly LeaseName lockspace;
    private readonly int self;
    private readonly LeaseTiming timing;
    private readonly Func<int, ulong, TimeSpan?> watchdogTimeoutOf;

    internal HostTable(LeaseGeometry geometry, LeaseName lockspace, int self, LeaseTiming timing, Func<int, ulong, TimeSpan?> watchdogTimeoutOf)
    {
        (this.geometry, this.lockspace, this.self, this.timing, this.watchdogTimeoutOf) = (geometry, lockspace, self, timing, watchdogTimeoutOf);
        sightings = new HostSighting?[geometry.MaxHosts + 1];
    }

    /// <summary>Every host id that was ever used, in order; ids that nobody ever held are left out. Empty before the first renewal.</summary>
    public IReadOnlyList<HostView> Snapshot()
    {
        List<HostView> views = [];
        for (var id = 1; id <= LookedTo; id++)
        {
            // Followers ask several times a second, and most ids were never used: those cost one look each.
            if (Sighting(id) is not (null or { Error: RecordError.None, Record.OwnerGeneration: 0 }))
            {
                views.Add(Find(id)!.Value);
            }
        }

        return views;
    }

    /// <summary>The highest host id that any look went to.</summary>
    internal int LookedTo => Volatile.Read(ref lookedTo);

    /// <returns>Null when we have not looked yet.</returns>
    public HostView? Find(int hostId)
    {
        if (Sighting(hostId) is not { } seen)
        {
            return null;
        }

        var record = seen.Record;
        var ioTimeout = TimeSpan.FromSeconds(record?.IoTimeoutSeconds ?? 0);
        return new HostView(hostId, record?.OwnerGeneration ?? 0, record?.Resource.ToString() ?? "", StateOf(hostId, seen),
            seen.LastChange, seen.ProvenUnchanged, ioTimeout, record?.Timestamp ?? 0);
    }

    internal HostSighting? Sighting(int hostId) =>
        hostId >= 1 && hostId < sightings.Length ? Volatile.Read(ref sightings[hostId]) : null;

    /// <summary>Takes in one look at the area.</summary>
    /// <param name="area">From the first sector on; may be shorter than the area.</param>
    /// <param name="previous">The bytes of the last look, as far as it went: what did not change is not parsed again.</param>
    internal void Look(ReadOnlySpan<byte> area, ReadOnlySpan<byte> previous, TimeSpan askedAt, TimeSpan answeredAt)
    {
        for (var id = 1; id <= geometry.MaxHosts && geometry.HostIdOffset(id) < area.Length; id++)
        {
            var at = (int)geometry.HostIdOffset(id);
            var bytes = area.Slice(at, LeaderRecord.SizeBytes);
            var known = Sighting(id);
            var same = known is not null && at < previous.Length && bytes.SequenceEqual(previous.Slice(at, LeaderRecord.SizeBytes));
            Volatile.Write(ref sightings[id], same ? known! with { LastLook = askedAt } : Changed(id, bytes, known, askedAt, answeredAt));
            lookedTo = Math.Max(lookedTo, id);
        }
    }

    private HostSighting Changed(int id, ReadOnlySpan<byte> bytes, HostSighting? known, TimeSpan askedAt, TimeSpan answeredAt)
    {
        var error = HostIdSector.Check(bytes, geometry, lockspace, id, out var record);
        if (known is not null && record is not null && error == known.Error && record == known.Record)
        {
            // The first look after we lost and took our host id again has no bytes to compare with. Taken for a change, it would make a
            // dead host look alive, and its lease stay with it for another 8 T + W.
            return known with { LastLook = askedAt };
        }

        var sameLife = known is { Error: RecordError.None, Record: { } before } && error == RecordError.None
            && before.OwnerId == record!.OwnerId && before.OwnerGeneration == record.OwnerGeneration;
        return new HostSighting(
            record ?? known?.Record, error, known?.FirstLook ?? answeredAt, askedAt, answeredAt, sameLife ? known!.LifeSince : answeredAt);
    }

    private HostState StateOf(int id, HostSighting seen)
    {
        if (seen.Error != RecordError.None || seen.Record is not { } record)
        {
            return HostState.Unreadable;
        }

        if (record.Timestamp == 0)
        {
            return HostState.Free;
        }

        if (id == self)
        {
            return HostState.Live;
        }

        var ioTimeout = record.IoTimeoutSeconds == 0 ? timing.IoTimeout : TimeSpan.FromSeconds(record.IoTimeoutSeconds);
        var unchanged = seen.ProvenUnchanged;
        return unchanged > timing.DeadAfter(ioTimeout, watchdogTimeoutOf(id, record.OwnerGeneration)) ? HostState.Dead
            : unchanged > LeaseTiming.ExpiryOf(ioTimeout) ? HostState.Fail
            : seen.NeverSeenToChange ? HostState.Unknown
            : HostState.Live;
    }
}
