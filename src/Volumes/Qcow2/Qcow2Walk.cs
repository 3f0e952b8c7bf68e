using System.Buffers.Binary;

namespace OvirtSpm.Volumes.Qcow2;

/// <summary>Goes through everything an image points to: header, L1 and L2 tables of all snapshots, bitmaps, LUKS header, refcounts.</summary>
/// <param name="eachTableOnce">An L2 table shared by snapshots is read for the first of them only; enough for all but counting.</param>
internal sealed class Qcow2Walk(Qcow2Image image, IQcow2References sink, bool eachTableOnce)
{
    private const int TableStepBytes = 512 << 10;

    /// <summary>64 MiB of memory at the most. Beyond it tables are read again, which the budget of reads ends.</summary>
    private const int MostTablesRemembered = 2 << 20;

    private readonly Qcow2Header header = image.Header;
    private readonly HashSet<long> seen = [];
    private readonly byte[] step = new byte[TableStepBytes], l2 = new byte[image.Header.ClusterBytes];

    public async ValueTask RunAsync()
    {
        sink.Uses(0, header.ClusterBytes);
        await TableAsync(header.L1Offset, header.L1Entries, active: true);
        await foreach (var snapshot in Qcow2Snapshots.ReadAsync(image, sink))
        {
            await TableAsync(snapshot.L1Offset, snapshot.L1Entries, active: false);
        }
        if (image.Extensions.LuksHeader is { } luks)
        {
            sink.Uses(luks.Offset, luks.Length);
        }
        if (image.Extensions.BitmapDirectory is { } bitmaps)
        {
            await BitmapsAsync(bitmaps);
        }
        sink.Uses(header.RefcountTableOffset, header.RefcountTableBytes);
        for (var at = 0L; at < header.RefcountTableBytes; at += step.Length)
        {
            var length = await ReadStepAsync(header.RefcountTableOffset + at, header.RefcountTableBytes - at);
            for (var i = 0; i < length; i += 8)
            {
                var block = (long)(Entry(i) & ~0x1FFUL);
                if (block != 0)
                {
                    Use(block, header.ClusterBytes, null, "refcount block");
                }
            }
        }
    }

    private async ValueTask TableAsync(long offset, int entries, bool active)
    {
        if (entries == 0)
        {
            return;
        }
        sink.Uses(offset, entries * 8L);
        for (var at = 0L; at < entries * 8L; at += step.Length)
        {
            var length = await ReadStepAsync(offset + at, (entries * 8L) - at);
            for (var i = 0; i < length; i += 8)
            {
                var entry = Entry(i);
                if ((entry & Qcow2L2.L1Reserved) != 0)
                {
                    sink.Wrong(Qcow2Fault.BadEntry, $"entry {(at + i) / 8} of the L1 table at {offset} has reserved bits set: {entry:x16}");
                }
                var table = (long)(entry & Qcow2L2.OffsetBits);
                if (table != 0 && Use(table, header.ClusterBytes, active ? (entry & Qcow2L2.Copied) != 0 : null, "L2 table") && IsFirstVisit(table))
                {
                    await image.Source.ReadAsync(table, l2);
                    Clusters(table, active);
                }
            }
        }
    }

    private bool IsFirstVisit(long table) => !eachTableOnce || (seen.Count < MostTablesRemembered ? seen.Add(table) : !seen.Contains(table));

    private void Clusters(long table, bool active)
    {
        for (var at = 0; at < l2.Length; at += header.L2EntryBytes)
        {
            var entry = BinaryPrimitives.ReadUInt64BigEndian(l2.AsSpan(at));
            if (entry == 0)
            {
                continue;
            }
            if ((entry & Qcow2L2.Compressed) != 0)
            {
                var (place, bytes) = Qcow2L2.CompressedPlace(entry, header.ClusterBits);
                if (header.HasDataFile || (entry & Qcow2L2.Copied) != 0)
                {
                    sink.Wrong(Qcow2Fault.BadEntry, $"a compressed cluster is not possible here: {entry:x16} in the L2 table at {table}");
                }
                sink.Uses(place, bytes);
                Map(active, compressed: true);
                continue;
            }
            if ((entry & Qcow2L2.L2Reserved) != 0)
            {
                sink.Wrong(Qcow2Fault.BadEntry, $"entry {at / header.L2EntryBytes} of the L2 table at {table} has reserved bits set: {entry:x16}");
            }
            var offset = (long)(entry & Qcow2L2.OffsetBits);
            if (offset == 0 && !(header.HasDataFile && (entry & Qcow2L2.Copied) != 0))
            {
                continue;
            }
            // With a data file the offset is one of that file; of this image nothing is used.
            if (header.HasDataFile || Use(offset, header.ClusterBytes, active ? (entry & Qcow2L2.Copied) != 0 : null, "cluster"))
            {
                Map(active, compressed: false);
            }
        }
    }

    private async ValueTask BitmapsAsync(BitmapDirectory directory)
    {
        sink.Uses(directory.OffsetBytes, directory.LengthBytes);
        foreach (var bitmap in await Qcow2Bitmaps.ReadAsync(image))
        {
            sink.Uses(bitmap.TableOffset, bitmap.TableEntries * 8L);
            for (var at = 0L; at < bitmap.TableEntries * 8L; at += step.Length)
            {
                var length = await ReadStepAsync(bitmap.TableOffset + at, (bitmap.TableEntries * 8L) - at);
                for (var i = 0; i < length; i += 8)
                {
                    if ((long)(Entry(i) & Qcow2L2.OffsetBits) is var cluster and not 0)
                    {
                        Use(cluster, header.ClusterBytes, null, "bitmap cluster");
                    }
                }
            }
        }
    }

    private bool Use(long offset, long length, bool? copied, string what)
    {
        if (offset < 0 || !header.IsOnCluster(offset))
        {
            sink.Wrong(Qcow2Fault.BadEntry, $"a {what} at {offset} does not begin on a cluster");
            return false;
        }
        if (offset >= image.SizeBytes && what == "L2 table")
        {
            sink.Wrong(Qcow2Fault.Truncated, $"an L2 table at {offset} lies behind its end at {image.SizeBytes}");
            return false;
        }
        sink.Uses(offset, length, copied);
        return true;
    }

    private void Map(bool active, bool compressed)
    {
        if (active)
        {
            sink.Maps(compressed);
        }
    }

    private async ValueTask<int> ReadStepAsync(long offset, long wanted)
    {
        var length = (int)Math.Min(wanted, step.Length);
        await image.Source.ReadAsync(offset, step.AsMemory(0, length));
        return length;
    }

    private ulong Entry(int at) => BinaryPrimitives.ReadUInt64BigEndian(step.AsSpan(at));
}
