using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.HostId;

/// <summary>All host ids of a lockspace as this host sees them. Written by the renewal loop, read by anybody.</summary>
/// <remarks>Clocks of two hosts are never compared: a host lives while its sector keeps changing on <em>our</em> clock.</remarks>
public sealed class HostTable
{
    private readonly HostSighting?[] sightings;

    /// <summary>Each host id's record as the last look found it: what did not change is not parsed again.</summary>
    /// <remarks>
    /// Kept when we lose and take our host id again. A first look that had nothing to compare with would take everything for changed, make
    /// a dead host look alive, and leave its lease with it for another 8 T + W.
    /// </remarks>
    private readonly byte[] seenBytes;

    /// <summary>Host ids in use, or that cannot be read, in order. Replaced, never changed: anybody reads it.</summary>
    private volatile int[] used = [];

    /// <summary>The last look, for ids that are not in use: all of them share it.</summary>
    private volatile LastLook? last;

    /// <summary>The last look that went furthest, for those behind the end of the others.</summary>
    private volatile LastLook? whole;
    private readonly LeaseGeometry geometry;
    private readonly LeaseName lockspace;
    private readonly int self;
    private readonly LeaseTiming timing;
    private readonly Func<int, ulong, TimeSpan?> watchdogTimeoutOf;

    internal HostTable(LeaseGeometry geometry, LeaseName lockspace, int self, LeaseTiming timing, Func<int, ulong, TimeSpan?> watchdogTimeoutOf)
    {
        (this.geometry, this.lockspace, this.self, this.timing, this.watchdogTimeoutOf) = (geometry, lockspace, self, timing, watchdogTimeoutOf);
        sightings = new HostSighting?[geometry.MaxHosts + 1];
        seenBytes = new byte[(geometry.MaxHosts + 1) * LeaderRecord.SizeBytes];
    }

    /// <summary>Every host id that was ever used, in order; ids that nobody ever held are left out. Empty before the first renewal.</summary>
    public IReadOnlyList<HostView> Snapshot()
    {
        List<HostView> views = [];
        foreach (var id in used)
        {
            views.Add(Find(id)!.Value);
        }

        return views;
    }

    /// <summary>The highest host id in use, or that cannot be read, as far as any look has shown; 0 before the first.</summary>
    public int HighestUsed => used is [.., var highest] ? highest : 0;

    /// <returns>Null when we have not looked yet.</returns>
    public HostView? Find(int hostId)
    {
        if (Sighting(hostId) is not { } seen)
        {
            return null;
        }

        if (!IsUsed(seen) && (hostId <= last?.UpTo ? last : whole) is { } look && hostId <= look.UpTo)
        {
            seen = seen with { LastLook = look.AskedAt };
        }

        var record = seen.Record;
        var ioTimeout = TimeSpan.FromSeconds(record?.IoTimeoutSeconds ?? 0);
        return new HostView(hostId, record?.OwnerGeneration ?? 0, record?.Resource ?? default, StateOf(hostId, seen),
            seen.LastChange, seen.ProvenUnchanged, ioTimeout, record?.Timestamp ?? 0);
    }

    internal HostSighting? Sighting(int hostId) =>
        hostId >= 1 && hostId < sightings.Length ? Volatile.Read(ref sightings[hostId]) : null;

    /// <summary>Takes in one look at the area.</summary>
    /// <param name="area">From the first sector on; may be shorter than the area.</param>
    internal void Look(ReadOnlySpan<byte> area, TimeSpan askedAt, TimeSpan answeredAt)
    {
        for (var id = 1; id <= geometry.MaxHosts && geometry.HostIdOffset(id) < area.Length; id++)
        {
            var bytes = area.Slice((int)geometry.HostIdOffset(id), LeaderRecord.SizeBytes);
            var known = Sighting(id);
            if (known is null || !bytes.SequenceEqual(SeenBytes(id)))
            {
                bytes.CopyTo(SeenBytes(id));
                var now = known is null && IsLike(id - 1, bytes, answeredAt) ? Sighting(id - 1)! : Changed(id, bytes, known, askedAt, answeredAt);
                Volatile.Write(ref sightings[id], now);
                Note(id, IsUsed(now));
            }
            else if (IsUsed(known))
            {
                // Those that nobody ever held share one time, below; there are two thousand of them.
                Volatile.Write(ref sightings[id], known with { LastLook = askedAt });
            }
        }

        last = new LastLook(askedAt, Math.Min(geometry.MaxHosts, area.Length / (int)geometry.HostIdOffset(2)));
        whole = last.UpTo >= (whole?.UpTo ?? 0) ? last : whole;
    }

    private sealed record LastLook(TimeSpan AskedAt, int UpTo);

    private Span<byte> SeenBytes(int id) => seenBytes.AsSpan(id * LeaderRecord.SizeBytes, LeaderRecord.SizeBytes);

    /// <summary>Ids that nobody ever held look all the same: the first look need not parse two thousand of them.</summary>
    private bool IsLike(int id, ReadOnlySpan<byte> bytes, TimeSpan answeredAt) =>
        Sighting(id) is { } seen && !IsUsed(seen) && seen.FirstLook == answeredAt && bytes.SequenceEqual(SeenBytes(id));

    private static bool IsUsed(HostSighting seen) => seen is not { Error: RecordError.None, Record: { OwnerGeneration: 0, OwnerId: 0 } };

    private void Note(int id, bool isUsed)
    {
        if (isUsed != Array.BinarySearch(used, id) >= 0)
        {
            used = isUsed ? [.. used.Append(id).Order()] : [.. used.Where(other => other != id)];
        }
    }

    private HostSighting Changed(int id, ReadOnlySpan<byte> bytes, HostSighting? known, TimeSpan askedAt, TimeSpan answeredAt)
    {
        var error = HostIdSector.Check(bytes, geometry, lockspace, id, out var record);
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
