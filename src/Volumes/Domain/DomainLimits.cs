namespace OvirtSpm.Volumes.Domain;

/// <summary>The numbers an oVirt V5 block domain is built from. Bytes unless the name says otherwise.</summary>
public static class DomainLimits
{
    public const int Version = 5;

    /// <summary>The oldest version whose slots are read here. Nothing of it is written: oVirt upgrades such a domain in place.</summary>
    public const int OldestReadVersion = 4;

    /// <summary>Fixed at vgcreate; every size of a volume is a multiple of it.</summary>
    public const long ExtentBytes = 128L << 20;

    /// <summary>The smallest LUN that oVirt accepts: 77 extents remain of it.</summary>
    public const long SmallestLunBytes = 10L << 30;

    /// <summary>The size of each of the two metadata areas of the first physical volume.</summary>
    public const long MetadataAreaBytes = 128L << 20;

    /// <summary>oVirt's most physical volumes of a domain.</summary>
    public const int MaximumDevices = 10;

    /// <summary>Distance between leases. The only one that fits all special volumes; on 4096-byte sectors it limits a domain to 250 hosts.</summary>
    public const long AlignmentBytes = 1L << 20;

    /// <summary>Lease slots 0..99 of <c>leases</c> are not for volumes; slot 1 is the SPM's.</summary>
    public const int ReservedLeaseSlots = 100;

    /// <summary>Lease slots in <c>leases</c>, hence its size: 2048 × alignment.</summary>
    public const int LeaseSlots = 2048;

    /// <summary>The slot of the SPM lease (resource "SDM") in <c>leases</c>.</summary>
    public const int SpmLeaseSlot = 1;

    /// <summary>oVirt's largest host id; 250 is used while a pool is created.</summary>
    public const int MaximumHostId = 250;

    /// <summary>oVirt's longest domain description.</summary>
    public const int MaximumDescriptionCharacters = 50;

    /// <summary>The largest disk oVirt's engine creates on block storage, our default limit.</summary>
    public const long LargestDiskBytes = 8192L << 30;

    /// <returns>Whole extents that hold <paramref name="bytes"/>, 0 for 0.</returns>
    public static long ExtentsFor(long bytes, long extentBytes = ExtentBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(extentBytes);
        return (bytes / extentBytes) + (bytes % extentBytes == 0 ? 0 : 1);
    }
}
