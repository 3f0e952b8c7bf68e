using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Volumes.Sizes;

/// <summary>How large the LV of a volume may and should be. Everything in bytes, results whole extents.</summary>
/// <remarks>
/// <code>
/// capacity GiB    1      2     10    22     100   8192
/// maximum GiB     1.125  2.25  11    24.25  110   9011.25      (measured with oVirt's own code)
/// 5 GiB required: leaf 7.5 GiB with a chunk of 2.5 GiB, internal 5 GiB
/// </code>
/// </remarks>
public static class CowSizes
{
    /// <summary>Capacities are multiples of this.</summary>
    public const long CapacityGranularityBytes = 4096;

    /// <summary>Beyond this the arithmetic below could overflow; far above any limit in use.</summary>
    public const long LargestCapacityBytes = 1L << 58;

    /// <summary>The most a qcow2 volume can need: capacity × 1.1, for tables and bitmaps, rounded up to an extent.</summary>
    public static long MaximumBytes(long capacityBytes, long extentBytes = DomainLimits.ExtentBytes)
    {
        var capacity = Checked(capacityBytes);
        return RoundUp(capacity + (capacity / 10) + (capacity % 10 == 0 ? 0 : 1), extentBytes);
    }

    /// <summary>The size to reduce a volume to (or to copy it into) when its content needs <paramref name="requiredBytes"/>.</summary>
    /// <param name="isLeaf">A leaf is written on, so it gets one chunk of room; nothing is added to an internal volume.</param>
    public static long OptimalBytes(
        long requiredBytes, long capacityBytes, bool isLeaf, long chunkBytes = GrowthPolicy.OvirtChunkBytes, long extentBytes = DomainLimits.ExtentBytes) =>
        Math.Min(RoundUp(Checked(requiredBytes) + (isLeaf ? Checked(chunkBytes) : 0), extentBytes), MaximumBytes(capacityBytes, extentBytes));

    /// <summary>A cow volume's capacity: rounded up to 4 KiB.</summary>
    public static long RoundCapacity(long bytes) => RoundUp(Checked(bytes), CapacityGranularityBytes);

    /// <summary>A raw volume's capacity, which is also its LV: rounded up to an extent.</summary>
    public static long RawBytes(long capacityBytes, long extentBytes = DomainLimits.ExtentBytes) => RoundUp(Checked(capacityBytes), extentBytes);

    public static long RoundUp(long bytes, long unitBytes) => DomainLimits.ExtentsFor(bytes, unitBytes) * unitBytes;

    private static long Checked(long bytes) => bytes is >= 0 and <= LargestCapacityBytes
        ? bytes
        : throw new ArgumentOutOfRangeException(nameof(bytes), bytes, "sizes are checked against the limit of the domain before they come here");
}
