using System.Buffers.Binary;
using System.Numerics;

namespace OvirtSpm.Volumes.Qcow2;

/// <summary>One block of refcounts: 1 &lt;&lt; order bits for each cluster; narrower than a byte, the first one is in the lowest bits.</summary>
internal static class Qcow2RefcountBlock
{
    /// <param name="entries">Only the first so many are looked at.</param>
    /// <returns>The last cluster of the block that is in use, −1 for none.</returns>
    public static long LastUsed(ReadOnlySpan<byte> block, int order, long entries)
    {
        if (order >= 3)
        {
            var at = block[..(int)(entries << (order - 3))].LastIndexOfAnyExcept((byte)0);
            return at < 0 ? -1 : at >> (order - 3);
        }
        var perByte = 8 >> order;
        var (whole, rest) = ((int)(entries / perByte), (int)(entries % perByte));
        if (rest > 0 && (block[whole] & ((1 << (rest << order)) - 1)) is var first and not 0)
        {
            return ((long)whole * perByte) + (BitOperations.Log2((uint)first) >> order);
        }
        var last = block[..whole].LastIndexOfAnyExcept((byte)0);
        return last < 0 ? -1 : ((long)last * perByte) + (BitOperations.Log2(block[last]) >> order);
    }

    public static ulong Get(ReadOnlySpan<byte> block, int order, int entry) => order switch
    {
        6 => BinaryPrimitives.ReadUInt64BigEndian(block[(entry * 8)..]),
        5 => BinaryPrimitives.ReadUInt32BigEndian(block[(entry * 4)..]),
        4 => BinaryPrimitives.ReadUInt16BigEndian(block[(entry * 2)..]),
        3 => block[entry],
        _ => (uint)(block[(entry << order) >> 3] >> ((entry << order) & 7)) & ((1u << (1 << order)) - 1),
    };
}
