using System.Buffers;
using System.Buffers.Binary;

namespace OvirtSpm.Volumes.Qcow2;

/// <summary>The table of refcount blocks. 8 bytes each, big-endian: bits 9–63 offset of the block, 0 where nothing is counted yet.</summary>
internal sealed class Qcow2RefcountTable
{
    private const ulong ReservedBits = 0x1FF;
    private readonly Qcow2Image image;
    private readonly byte[] table;

    private Qcow2RefcountTable(Qcow2Image image, byte[] table) => (this.image, this.table) = (image, table);

    public int Blocks => table.Length / 8;

    /// <summary>At most 8 MiB, in one read.</summary>
    public static async ValueTask<Qcow2RefcountTable> ReadAsync(Qcow2Image image)
    {
        var table = new byte[image.Header.RefcountTableBytes];
        await image.Source.ReadAsync(image.Header.RefcountTableOffset, table);
        return new Qcow2RefcountTable(image, table);
    }

    /// <returns>0: no such block.</returns>
    /// <exception cref="Qcow2Refused"/>
    public long BlockOffset(int index)
    {
        var entry = BinaryPrimitives.ReadUInt64BigEndian(table.AsSpan(index * 8));
        var offset = (long)(entry & ~ReservedBits);
        if ((entry & ReservedBits) != 0 || offset < 0 || !image.Header.IsOnCluster(offset))
        {
            throw new Qcow2Refused(Qcow2Fault.BadEntry, $"entry {index} of its refcount table is impossible: {entry:x16}");
        }
        return offset < image.SizeBytes
            ? offset
            : throw new Qcow2Refused(Qcow2Fault.Truncated, $"refcount block {index} at {offset} lies behind its end at {image.SizeBytes}");
    }

    /// <summary>The last cluster of the image that is counted as used, from the end: as a rule one block is read.</summary>
    /// <returns><c>Cluster</c> −1: none. <c>Beyond</c>: clusters behind the end of the image are counted, too.</returns>
    public async ValueTask<(long Cluster, bool Beyond)> LastUsedAsync()
    {
        var perBlock = image.Header.RefcountBlockEntries;
        var order = image.Header.RefcountOrder;
        var beyond = false;
        var empty = 0L;
        var block = ArrayPool<byte>.Shared.Rent(image.Header.ClusterBytes);
        try
        {
            for (var index = table.AsSpan().LastIndexOfAnyExcept((byte)0) / 8; index >= 0; index--)
            {
                var offset = BlockOffset(index);
                if (offset == 0 || offset == empty)
                {
                    continue;
                }
                var bytes = block.AsMemory(0, image.Header.ClusterBytes);
                await image.Source.ReadAsync(offset, bytes);
                var first = index * perBlock;
                var last = Qcow2RefcountBlock.LastUsed(bytes.Span, order, perBlock);
                if (last < 0)
                {
                    empty = offset;
                    continue;
                }
                if (first + last >= image.Clusters)
                {
                    beyond = true;
                    last = Qcow2RefcountBlock.LastUsed(bytes.Span, order, Math.Clamp(image.Clusters - first, 0, perBlock));
                }
                if (last >= 0)
                {
                    return (first + last, beyond);
                }
            }
            return (-1, beyond);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
    }
}
