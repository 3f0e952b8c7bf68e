using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Volumes.Xleases;

/// <summary>Where things lie in the volume <c>xleases</c>: leases that users name, found by an index.</summary>
/// <remarks>
/// <code>
/// area 0    lockspace, unused: the domain's lockspace is the volume ids
/// area 1    index: 512 bytes of header, 3,960 records of 64 bytes; 62 × 4096 bytes in all
/// area 2    reserved
/// area 3+n  the lease of record n
/// </code>
/// Areas are 1 MiB. A volume of 1 GiB has room for the first 1,021 records. A record's place follows from its number, never from the
/// offset written in it. Source: oVirt's xleases volume, index version 1.
/// </remarks>
public static class XleasesLayout
{
    public const int HeaderBytes = 512;
    public const int RecordBytes = 64;
    public const int IndexBytes = 62 * 4096;
    public const int Records = (IndexBytes - HeaderBytes) / RecordBytes;
    public const long IndexOffsetBytes = DomainLimits.AlignmentBytes;

    private const int FirstLeaseArea = 3;

    /// <summary>How many leases fit a volume of this size.</summary>
    public static int Capacity(long volumeBytes) =>
        (int)Math.Clamp((volumeBytes / DomainLimits.AlignmentBytes) - FirstLeaseArea, 0, Records);

    /// <summary>Of record <paramref name="number"/>'s lease, from the start of the volume.</summary>
    public static long LeaseOffsetBytes(int number) => (FirstLeaseArea + (long)Checked(number)) * DomainLimits.AlignmentBytes;

    /// <summary>Of record <paramref name="number"/>, from the start of the index.</summary>
    public static int RecordOffsetBytes(int number) => HeaderBytes + (Checked(number) * RecordBytes);

    private static int Checked(int number) => number is >= 0 and < Records
        ? number
        : throw new ArgumentOutOfRangeException(nameof(number), number, $"the index has records 0 to {Records - 1}");
}
