using System.Buffers.Binary;
using System.Text;

namespace OvirtSpm.Volumes.Qcow2;

/// <summary>What the header extensions say. Names in them are strings somebody else wrote: they are told, and never opened.</summary>
/// <remarks>
/// Big-endian, from the end of the header: u32 type, u32 length, data padded to 8 bytes; type 0 ends. They may fill the first cluster up to
/// the backing file's name.
/// </remarks>
/// <param name="BackingFile">Null: the image stands alone.</param>
/// <param name="BitmapDirectory">Where it lies; null without bitmaps, and where the autoclear bit says that they are not valid.</param>
/// <param name="LuksHeader">Where it lies.</param>
public sealed record Qcow2Extensions(
    string? BackingFile, string? BackingFormat, string? DataFile, BitmapDirectory? BitmapDirectory, (long Offset, long Length)? LuksHeader)
{
    private const uint EndOfList = 0, Format = 0xE2792ACA, Bitmaps = 0x23852875, Luks = 0x0537BE77, DataFileName = 0x44415441;
    private const int LongestFormat = 15, LongestName = 1023, LargestBitmapCount = 65535;
    private const long LargestDirectoryBytes = 64 << 20;

    /// <returns>How many bytes from the start of the image have to be there to read all extensions; at most a cluster.</returns>
    public static int NeededBytes(Qcow2Header header, ReadOnlySpan<byte> bytes)
    {
        var end = End(header);
        var at = header.HeaderLengthBytes;
        while (at + 8 <= Math.Min(end, bytes.Length) && U32(bytes, at) != EndOfList)
        {
            at = (int)Math.Min(int.MaxValue - 16, at + 8L + ((U32(bytes, at + 4) + 7L) & ~7L));
        }
        return (int)Math.Max(Math.Min(at + 8, end), header.BackingNameOffset + header.BackingNameLength);
    }

    /// <param name="bytes">At least <see cref="NeededBytes"/> of them, or the whole image where it is shorter.</param>
    /// <exception cref="Qcow2Refused"/>
    public static Qcow2Extensions Parse(Qcow2Header header, ReadOnlySpan<byte> bytes)
    {
        var end = End(header);
        string? format = null, dataFile = null;
        BitmapDirectory? bitmaps = null;
        (long, long)? luks = null;
        for (var at = header.HeaderLengthBytes; at + 8 <= end && at + 8 <= bytes.Length && U32(bytes, at) is var type && type != EndOfList;)
        {
            var length = U32(bytes, at + 4);
            at += 8;
            if (length > (uint)(end - at) || length > (uint)Math.Max(0, bytes.Length - at))
            {
                throw new Qcow2Refused(Qcow2Fault.BadExtension, $"the header extension {type:x8} at {at - 8} has {length} bytes and does not fit into the header");
            }
            var data = bytes.Slice(at, (int)length);
            switch (type)
            {
                case Format:
                    format = Text(data, LongestFormat, "the backing format");
                    break;
                case DataFileName:
                    dataFile = Text(data, LongestName, "the data file's name");
                    break;
                case Bitmaps when header.Autoclear.HasFlag(Qcow2Autoclear.BitmapsValid):
                    bitmaps = Directory(header, data);
                    break;
                case Luks:
                    luks = LuksPlace(header, data);
                    break;
            }
            at = (int)Math.Min(end, at + ((length + 7L) & ~7L));
        }
        if (header.Encryption == Qcow2Encryption.Luks && luks is null)
        {
            throw new Qcow2Refused(Qcow2Fault.BadEncryption, "it is encrypted with LUKS and says nowhere where the LUKS header is");
        }
        var backing = header.BackingNameLength == 0 ? null
            : header.BackingNameOffset + header.BackingNameLength <= bytes.Length
                ? Encoding.UTF8.GetString(bytes.Slice((int)header.BackingNameOffset, header.BackingNameLength))
                : throw new Qcow2Refused(Qcow2Fault.Truncated, "it ends before the backing file's name does");
        return new Qcow2Extensions(backing, format, header.HasDataFile ? dataFile : null, bitmaps, luks);
    }

    private static int End(Qcow2Header header) => header.BackingNameOffset == 0 ? header.ClusterBytes : (int)header.BackingNameOffset;

    private static BitmapDirectory Directory(Qcow2Header header, ReadOnlySpan<byte> data)
    {
        if (data.Length != 24)
        {
            throw new Qcow2Refused(Qcow2Fault.BadExtension, $"the extension for bitmaps has {data.Length} bytes instead of 24");
        }
        var (count, size, offset) = (U32(data, 0), U64(data, 8), U64(data, 16));
        return count is > 0 and <= LargestBitmapCount && size is > 0 and <= LargestDirectoryBytes && offset <= long.MaxValue && header.IsOnCluster((long)offset)
            ? new BitmapDirectory((int)count, (long)offset, (int)size)
            : throw new Qcow2Refused(Qcow2Fault.BadExtension, $"a bitmap directory of {count} bitmaps, {size} bytes at {offset} is not possible");
    }

    private static (long, long) LuksPlace(Qcow2Header header, ReadOnlySpan<byte> data)
    {
        if (header.Encryption != Qcow2Encryption.Luks || data.Length != 16 || U64(data, 0) > long.MaxValue || U64(data, 8) > long.MaxValue || !header.IsOnCluster((long)U64(data, 0)))
        {
            throw new Qcow2Refused(Qcow2Fault.BadEncryption, "its pointer to a LUKS header is not possible");
        }
        return ((long)U64(data, 0), (long)U64(data, 8));
    }

    private static string Text(ReadOnlySpan<byte> data, int longest, string what) => data.Length <= longest
        ? Encoding.UTF8.GetString(data)
        : throw new Qcow2Refused(Qcow2Fault.BadExtension, $"{what} has {data.Length} bytes; {longest} is the most");

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64BigEndian(bytes[at..]);
}

/// <summary>Where the list of persistent bitmaps lies.</summary>
public sealed record BitmapDirectory(int Count, long OffsetBytes, int LengthBytes);
