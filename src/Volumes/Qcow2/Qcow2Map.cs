using System.Buffers.Binary;

namespace OvirtSpm.Volumes.Qcow2;

/// <summary>Which parts of the virtual disk this image holds, and where. The backing file is not looked into.</summary>
public static class Qcow2Map
{
    private const int L1StepBytes = 64 << 10;

    /// <returns>The whole virtual disk in order, neighbours of one kind joined.</returns>
    /// <exception cref="Qcow2Refused"/>
    public static async IAsyncEnumerable<MapExtent> ReadAsync(Qcow2Image image)
    {
        image.CheckLayout();
        var header = image.Header;
        MapExtent? open = null;
        var l1 = new byte[L1StepBytes];
        var l2 = new byte[header.ClusterBytes];
        for (var index = 0; index < header.NeededL1Entries; index++)
        {
            if (index % (L1StepBytes / 8) == 0)
            {
                var length = (int)Math.Min(L1StepBytes, (header.NeededL1Entries - index) * 8);
                await image.Source.ReadAsync(header.L1Offset + (index * 8L), l1.AsMemory(0, length));
            }
            var start = index * header.L2CoverageBytes;
            var covered = Math.Min(header.L2CoverageBytes, header.VirtualSizeBytes - start);
            var table = TableOffset(image, BinaryPrimitives.ReadUInt64BigEndian(l1.AsSpan(index % (L1StepBytes / 8) * 8)));
            if (table == 0)
            {
                if (Join(ref open, new MapExtent(start, covered, MapKind.Unallocated, null)) is { } before)
                {
                    yield return before;
                }
                continue;
            }
            await image.Source.ReadAsync(table, l2);
            for (var at = 0L; at < covered; at += header.ClusterBytes)
            {
                var entry = l2.AsMemory((int)(at >> header.ClusterBits) * header.L2EntryBytes, header.L2EntryBytes);
                var parts = Parts(header, entry.Span);
                for (var part = 0; part < parts && at + (part * (long)header.ClusterBytes / parts) < covered; part++)
                {
                    var from = at + (part * (long)header.ClusterBytes / parts);
                    var (kind, offset) = Of(header, entry.Span, part);
                    if (Join(ref open, new MapExtent(start + from, Math.Min(header.ClusterBytes / parts, covered - from), kind, offset)) is { } before)
                    {
                        yield return before;
                    }
                }
            }
        }
        if (open is { } last)
        {
            yield return last;
        }
    }

    /// <summary>1, or 32 where the sub-clusters of the entry may differ.</summary>
    private static int Parts(Qcow2Header header, ReadOnlySpan<byte> entry) =>
        header.HasExtendedL2 && BinaryPrimitives.ReadUInt64BigEndian(entry[8..]) is not (0 or uint.MaxValue) ? Qcow2L2.SubClusters : 1;

    private static (MapKind Kind, long? Offset) Of(Qcow2Header header, ReadOnlySpan<byte> bytes, int part)
    {
        var entry = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        if ((entry & Qcow2L2.Compressed) != 0)
        {
            return (MapKind.Compressed, null);
        }
        var place = (long)(entry & Qcow2L2.OffsetBits);
        if (!header.IsOnCluster(place) || (place >= long.MaxValue - header.ClusterBytes))
        {
            throw new Qcow2Refused(Qcow2Fault.BadEntry, $"an entry of its L2 tables points between clusters: {entry:x16}");
        }
        // In a data file a cluster may lie at 0; only the flag tells it from none.
        var has = place != 0 || (header.HasDataFile && (entry & Qcow2L2.Copied) != 0);
        if (!header.HasExtendedL2)
        {
            long? offset = has ? place : null;
            return (entry & Qcow2L2.Zero) != 0 ? (MapKind.Zero, offset) : has ? (MapKind.Data, offset) : (MapKind.Unallocated, null);
        }
        var bitmap = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        var (allocated, zero) = ((bitmap >> part & 1) != 0, (bitmap >> (part + Qcow2L2.SubClusters) & 1) != 0);
        if ((allocated && zero) || (allocated && !has) || (entry & Qcow2L2.Zero) != 0)
        {
            throw new Qcow2Refused(Qcow2Fault.BadEntry, $"sub-cluster {part} of an L2 entry contradicts itself: {entry:x16} {bitmap:x16}");
        }
        long? inside = has ? place + ((long)part * header.ClusterBytes / Qcow2L2.SubClusters) : null;
        return zero ? (MapKind.Zero, inside) : allocated ? (MapKind.Data, inside) : (MapKind.Unallocated, null);
    }

    private static long TableOffset(Qcow2Image image, ulong entry)
    {
        var offset = (long)(entry & Qcow2L2.OffsetBits);
        return !image.Header.IsOnCluster(offset)
            ? throw new Qcow2Refused(Qcow2Fault.BadEntry, $"an L2 table at {offset} does not begin on a cluster")
            : offset < image.SizeBytes
                ? offset
                : throw new Qcow2Refused(Qcow2Fault.Truncated, $"an L2 table at {offset} lies behind its end at {image.SizeBytes}");
    }

    /// <returns>What is complete because <paramref name="next"/> does not continue it.</returns>
    private static MapExtent? Join(ref MapExtent? open, MapExtent next)
    {
        if (open is { } before && before.Kind == next.Kind && (before.Offset is { } offset ? next.Offset == offset + before.Length : next.Offset is null))
        {
            open = before with { Length = before.Length + next.Length };
            return null;
        }
        (var complete, open) = (open, next);
        return complete;
    }
}
