using System.Buffers.Binary;
using System.Text;

namespace OvirtSpm.Volumes.Qcow2;

/// <summary>A persistent bitmap of changed blocks, for incremental backup.</summary>
public sealed record Qcow2Bitmap(string Name, long GranularityBytes, bool InUse, bool Auto, long TableOffset, int TableEntries);

/// <summary>The bitmap directory.</summary>
/// <remarks>
/// Big-endian, each padded to 8 bytes:
/// <code>
/// 0 u64 table offset   8 u32 table entries   12 u32 flags (1 in use, 2 auto)   16 u8 type   17 u8 granularity bits
/// 18 u16 length of the name   20 u32 of the extra data   24 extra data, name
/// </code>
/// </remarks>
public static class Qcow2Bitmaps
{
    private const int EntryBytes = 24, MostTableEntries = 1 << 27;

    /// <returns>Empty where there are none, or where they are not valid any more.</returns>
    /// <exception cref="Qcow2Refused"/>
    public static async ValueTask<IReadOnlyList<Qcow2Bitmap>> ReadAsync(Qcow2Image image)
    {
        if (image.Extensions.BitmapDirectory is not { } directory)
        {
            return [];
        }
        image.CheckLayout();
        var bytes = new byte[directory.LengthBytes];
        await image.Source.ReadAsync(directory.OffsetBytes, bytes);
        return Parse(image, directory, bytes);
    }

    private static List<Qcow2Bitmap> Parse(Qcow2Image image, BitmapDirectory directory, ReadOnlySpan<byte> bytes)
    {
        var bitmaps = new List<Qcow2Bitmap>();
        for (var at = 0; bitmaps.Count < directory.Count;)
        {
            var rest = bytes[Math.Min(at, bytes.Length)..];
            if (rest.Length < EntryBytes)
            {
                throw Wrong(directory, bitmaps.Count);
            }
            var (offset, entries) = (BinaryPrimitives.ReadUInt64BigEndian(rest), BinaryPrimitives.ReadUInt32BigEndian(rest[8..]));
            var (flags, granularity) = (BinaryPrimitives.ReadUInt32BigEndian(rest[12..]), rest[17]);
            var (name, extra) = (BinaryPrimitives.ReadUInt16BigEndian(rest[18..]), BinaryPrimitives.ReadUInt32BigEndian(rest[20..]));
            var length = EntryBytes + (long)name + extra;
            if (length > rest.Length || entries > MostTableEntries || granularity > 62 || !image.MayHoldTable(offset, entries))
            {
                throw Wrong(directory, bitmaps.Count);
            }
            bitmaps.Add(new Qcow2Bitmap(
                Encoding.UTF8.GetString(rest.Slice(EntryBytes + (int)extra, name)), 1L << granularity, (flags & 1) != 0, (flags & 2) != 0, (long)offset, (int)entries));
            at += (int)((length + 7) & ~7L);
        }
        return bitmaps;
    }

    private static Qcow2Refused Wrong(BitmapDirectory directory, int index) =>
        new(Qcow2Fault.BadEntry, $"bitmap {index} of {directory.Count} in the directory at {directory.OffsetBytes} is not possible");
}
