using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Resource;

/// <summary>A resource's leader record, checked against what it must be.</summary>
internal static class ResourceSector
{
    public static RecordError Check(
        ReadOnlySpan<byte> sector, LeaseGeometry geometry, LeaseName lockspace, LeaseName resource, out LeaderRecord? leader)
    {
        var error = LeaderRecord.TryParse(LeaderKind.Resource, sector, out leader);
        return error != RecordError.None || leader is null ? error
            : !leader.Lockspace.Means(lockspace) ? RecordError.WrongLockspace
            : !leader.Resource.Means(resource) ? RecordError.WrongResource
            : !LeaseGeometry.TryFrom(leader, out var stated) || stated != geometry ? RecordError.WrongGeometry
            : leader.MaxHosts != (ulong)geometry.MaxHosts || leader.NumHosts == 0 || leader.NumHosts > leader.MaxHosts ? RecordError.WrongHostCount
            : leader.OwnerId > leader.MaxHosts ? RecordError.WrongOwner

            // R20: a compare-and-write lease must not be written by plain writes, and a NO_TIMEOUT owner never expires.
            : (leader.Flags & LeaderFlags.Unsupported) != 0 ? RecordError.UnsupportedFlags
            : RecordError.None;
    }
}
