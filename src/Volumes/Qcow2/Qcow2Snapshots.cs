using System.Buffers.Binary;

namespace OvirtSpm.Volumes.Qcow2;

/// <summary>The table of internal snapshots.</summary>
/// <remarks>
/// Big-endian, each padded to 8 bytes:
/// <code>
/// 0 u64 L1 offset   8 u32 L1 entries   12 u16 length of the id   14 u16 of the name   36 u32 of the extra data   40 extra data, id, name
/// </code>
/// </remarks>
internal static class Qcow2Snapshots
{
    public const int EntryBytes = 40;
    private const int MostL1Entries = (32 << 20) / 8;
    private const long LargestTableBytes = 64 << 20;

    public static async IAsyncEnumerable<(long L1Offset, int L1Entries)> ReadAsync(Qcow2Image image, IQcow2References sink)
    {
        var entry = new byte[EntryBytes];
        var at = image.Header.SnapshotTableOffset;
        for (var i = 0; i < image.Header.Snapshots; i++)
        {
            if (at - image.Header.SnapshotTableOffset > LargestTableBytes || at > image.SizeBytes - EntryBytes)
            {
                throw new Qcow2Refused(Qcow2Fault.Truncated, $"its table of {image.Header.Snapshots} snapshots does not end inside it");
            }
            await image.Source.ReadAsync(at, entry);
            var (offset, entries) = (BinaryPrimitives.ReadUInt64BigEndian(entry), BinaryPrimitives.ReadUInt32BigEndian(entry.AsSpan(8)));
            var more = (long)BinaryPrimitives.ReadUInt16BigEndian(entry.AsSpan(12)) + BinaryPrimitives.ReadUInt16BigEndian(entry.AsSpan(14))
                + BinaryPrimitives.ReadUInt32BigEndian(entry.AsSpan(36));
            at += EntryBytes + more;
            at = (at + 7) & ~7L;
            if (entries > MostL1Entries || !image.MayHoldTable(offset, entries))
            {
                sink.Wrong(Qcow2Fault.BadTable, $"the L1 table of snapshot {i} ({entries} entries at {offset}) is not possible");
                continue;
            }
            yield return ((long)offset, (int)entries);
        }
        if (image.Header.Snapshots > 0)
        {
            sink.Uses(image.Header.SnapshotTableOffset, at - image.Header.SnapshotTableOffset);
        }
    }
}
