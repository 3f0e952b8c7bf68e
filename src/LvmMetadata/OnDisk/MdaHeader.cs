using System.Buffers.Binary;

namespace OvirtSpm.LvmMetadata.OnDisk;

/// <summary>First 512 bytes of a metadata area: where the live text is.</summary>
/// <remarks>
/// Little-endian.
/// <code>
///  0 u32 crc of 4..511    4 16 magic " LVM2 x[5A%r0N*>"   20 u32 version = 1
/// 24 u64 own byte offset on the device   32 u64 size of the area, this header included
/// 40 slot 0, committed    64 slot 1, being written by lvm2; every reader ignores it    88.. zero
/// slot: u64 offset from the area's start, u64 size with the closing NUL, u32 crc of the text, u32 flags (1 = ignored)
/// </code>
/// Source: behaviour of LVM2 2.03.16, byte for byte on its own headers.
/// </remarks>
public readonly record struct MdaHeader(long StartBytes, long SizeBytes, TextLocation Committed, TextLocation Precommitted)
{
    public const int Bytes = 512;

    /// <summary>Largest text that is read; far beyond what any group needs, well below what an array holds.</summary>
    public const long MaxReadableText = 1L << 29;

    private const int StartAt = 24;
    private const int SizeAt = 32;
    private const int Slot0At = 40;
    private const int Slot1At = 64;

    public static ReadOnlySpan<byte> Magic => [0x20, 0x4c, 0x56, 0x4d, 0x32, 0x20, 0x78, 0x5b, 0x35, 0x41, 0x25, 0x72, 0x30, 0x4e, 0x2a, 0x3e];

    /// <param name="sector">At least 512 bytes.</param>
    /// <param name="area">What the label says about this area.</param>
    /// <param name="header">Meaningless unless the result is None.</param>
    public static HeaderError TryParse(ReadOnlySpan<byte> sector, DiskArea area, out MdaHeader header)
    {
        sector = sector[..Bytes];
        header = default;
        if (!sector.Slice(4, 16).SequenceEqual(Magic))
        {
            return HeaderError.WrongMagic;
        }
        if (BinaryPrimitives.ReadUInt32LittleEndian(sector) != LvmCrc.Compute(sector[4..]))
        {
            return HeaderError.WrongChecksum;
        }
        if (BinaryPrimitives.ReadUInt32LittleEndian(sector[20..]) != 1)
        {
            return HeaderError.WrongVersion;
        }
        if (BinaryPrimitives.ReadUInt64LittleEndian(sector[StartAt..]) != (ulong)area.OffsetBytes)
        {
            return HeaderError.WrongStart;
        }
        var size = BinaryPrimitives.ReadUInt64LittleEndian(sector[SizeAt..]);
        if (size != (ulong)area.SizeBytes || size < 2 * Bytes)
        {
            return HeaderError.WrongSize;
        }
        if (!TryReadSlot(sector[Slot0At..], (long)size, out var committed))
        {
            return HeaderError.LocationOutsideArea;
        }
        // Slot 1 is only ever copied back; what it says is nobody's business.
        _ = TryReadSlot(sector[Slot1At..], (long)size, out var precommitted);
        header = new MdaHeader(area.OffsetBytes, area.SizeBytes, committed, precommitted);
        return HeaderError.None;
    }

    /// <param name="sector">The first 512 bytes are overwritten.</param>
    public void Format(Span<byte> sector)
    {
        sector = sector[..Bytes];
        sector.Clear();
        Magic.CopyTo(sector[4..]);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[20..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[StartAt..], (ulong)StartBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[SizeAt..], (ulong)SizeBytes);
        WriteSlot(sector[Slot0At..], Committed);
        WriteSlot(sector[Slot1At..], Precommitted);
        BinaryPrimitives.WriteUInt32LittleEndian(sector, LvmCrc.Compute(sector[4..]));
    }

    private static bool TryReadSlot(ReadOnlySpan<byte> slot, long areaBytes, out TextLocation location)
    {
        var offset = BinaryPrimitives.ReadUInt64LittleEndian(slot);
        var size = BinaryPrimitives.ReadUInt64LittleEndian(slot[8..]);
        location = new TextLocation(
            (long)offset, (long)size, BinaryPrimitives.ReadUInt32LittleEndian(slot[16..]), BinaryPrimitives.ReadUInt32LittleEndian(slot[20..]));
        // An ignored or empty slot is never followed, so nothing in it can be wrong.
        return location.IsIgnored || location.IsEmpty
            || (offset >= Bytes && offset < (ulong)areaBytes && size is > 0 and <= MaxReadableText && size <= (ulong)areaBytes - Bytes);
    }

    private static void WriteSlot(Span<byte> slot, TextLocation location)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(slot, (ulong)location.OffsetBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(slot[8..], (ulong)location.SizeBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(slot[16..], location.Crc);
        BinaryPrimitives.WriteUInt32LittleEndian(slot[20..], location.Flags);
    }
}
