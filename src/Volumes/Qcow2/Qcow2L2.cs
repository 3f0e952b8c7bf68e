namespace OvirtSpm.Volumes.Qcow2;

/// <summary>Entries of L1 and L2 tables, big-endian u64.</summary>
/// <remarks>
/// <code>
/// L1                bits 9–55 offset of the L2 table, 0: none · 63 its refcount is 1
/// L2                bits 9–55 offset of the cluster · 0 reads as zeros · 62 compressed · 63 its refcount is 1
/// L2, compressed    x = 62 − (cluster bits − 8): 0…x−1 offset in bytes · x…61 sectors of 512 beyond the first
/// L2, extended      a second u64: bit n sub-cluster n is allocated · bit 32+n it reads as zeros
/// </code>
/// </remarks>
internal static class Qcow2L2
{
    public const ulong OffsetBits = 0x00FF_FFFF_FFFF_FE00, Copied = 1UL << 63, Compressed = 1UL << 62, Zero = 1;
    public const ulong L1Reserved = 0x7F00_0000_0000_01FF, L2Reserved = 0x3F00_0000_0000_01FE;

    public const int SubClusters = 32;

    public static (long Offset, long Bytes) CompressedPlace(ulong entry, int clusterBits)
    {
        var split = 62 - (clusterBits - 8);
        var offset = (long)(entry & ((1UL << split) - 1));
        var sectors = (long)((entry & (Compressed - 1)) >> split) + 1;
        return (offset, (sectors * 512) - (offset & 511));
    }
}
