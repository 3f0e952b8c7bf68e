using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.HostId;

/// <summary>One host id's sector, checked against what it must be.</summary>
internal static class HostIdSector
{
    /// <param name="record">What the bytes say; null when not even that can be told.</param>
    public static RecordError Check(
        ReadOnlySpan<byte> sector, LeaseGeometry geometry, LeaseName lockspace, int hostId, out LeaderRecord? record)
    {
        var error = LeaderRecord.TryParse(LeaderKind.HostId, sector, out record);
        if (error != RecordError.None || record is null)
        {
            return error;
        }

        if (!record.Lockspace.Means(lockspace))
        {
            return RecordError.WrongLockspace;
        }

        if (!LeaseGeometry.TryFrom(record, out var stated) || stated != geometry)
        {
            return RecordError.WrongGeometry;
        }

        // R20: with NO_TIMEOUT a dead owner never expires, DEAD_EXT ends a life by decree, CAW forbids plain writes.
        if ((record.Flags & LeaderFlags.Unsupported) != 0)
        {
            return RecordError.UnsupportedFlags;
        }

        return record.OwnerId != 0 && record.OwnerId != (ulong)hostId ? RecordError.WrongOwner : RecordError.None;
    }
}
