using System.Buffers.Binary;

namespace OvirtSpm.Volumes.Volume;

/// <summary>Our checksummed companion of a slot's text, in the bytes behind it that oVirt does not use.</summary>
/// <remarks>
/// Little-endian, at byte 512 of the slot, 512 bytes, the rest of the slot is left alone.
/// <code>
///  0 u64 magic "SPMSLOT\n"   8 u32 version 1   12 u32 crc of all 512 bytes, this field as zero
/// 16 u32 slot number        20 u32 crc of the text     24 u32 crc of the text before it   28 u32 zero
/// 32 16B volume uuid        48 16B domain uuid         64..511 zero
/// </code>
/// Both checksums CRC-32C; uuids as in RFC 9562. It tells a torn, foreign or misplaced slot from a good one.
/// It is <em>written before the text</em> and names both the text to come and the one that was there. So whichever of the two
/// sectors a crash leaves behind, the pair agrees; only somebody who writes the text without the record – oVirt – makes them differ.
/// <code>
///   on the LUN:  record names   text        reading
///   before       A, –           A           agrees
///   record done  B, A           A           agrees with the previous text: the change did not happen
///   text done    B, A           B           agrees
/// </code>
/// </remarks>
public sealed record SlotRecord(int Slot, Guid Volume, Guid Domain, uint TextChecksum, uint PreviousTextChecksum)
{
    public const int OffsetBytes = SlotGeometry.TextBytes;
    public const int SizeBytes = 512;
    public const ulong Magic = 0x0A544F4C534D5053;
    public const uint Version = 1;

    private const int ChecksumOffset = 12;
    private const int UsedBytes = 64;

    /// <param name="slot">The slot's number.</param>
    /// <param name="volume">The volume the text is about.</param>
    /// <param name="domain">The domain it lies in.</param>
    /// <param name="text">The 512 bytes about to be written.</param>
    /// <param name="previousText">The 512 bytes that are there now.</param>
    public static SlotRecord For(int slot, Guid volume, Guid domain, ReadOnlySpan<byte> text, ReadOnlySpan<byte> previousText) =>
        new(slot, volume, domain, Crc32C.Of(text), Crc32C.Of(previousText));

    /// <param name="bytes">Exactly 512 bytes.</param>
    public void Format(Span<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, SizeBytes);
        bytes.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[8..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[16..], (uint)Slot);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[20..], TextChecksum);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[24..], PreviousTextChecksum);
        Volume.TryWriteBytes(bytes[32..], bigEndian: true, out _);
        Domain.TryWriteBytes(bytes[48..], bigEndian: true, out _);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[ChecksumOffset..], Crc32C.OfRecord(bytes, ChecksumOffset));
    }

    /// <param name="bytes">512 bytes from byte 512 of a slot; more may follow.</param>
    public static RecordError TryParse(ReadOnlySpan<byte> bytes, out SlotRecord? record)
    {
        record = null;
        if (bytes.Length < SizeBytes)
        {
            return RecordError.WrongLength;
        }

        bytes = bytes[..SizeBytes];
        if (bytes.IndexOfAnyExcept((byte)0) < 0)
        {
            return RecordError.Empty;
        }

        if (BinaryPrimitives.ReadUInt64LittleEndian(bytes) != Magic)
        {
            return RecordError.WrongMagic;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[ChecksumOffset..]) != Crc32C.OfRecord(bytes, ChecksumOffset))
        {
            return RecordError.WrongChecksum;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) != Version)
        {
            return RecordError.UnknownVersion;
        }

        var slot = BinaryPrimitives.ReadUInt32LittleEndian(bytes[16..]);
        if (slot > SlotGeometry.LastSlot || bytes[28..32].IndexOfAnyExcept((byte)0) >= 0 || bytes[UsedBytes..].IndexOfAnyExcept((byte)0) >= 0)
        {
            return RecordError.BadField;
        }

        record = new SlotRecord(
            (int)slot,
            new Guid(bytes.Slice(32, 16), bigEndian: true),
            new Guid(bytes.Slice(48, 16), bigEndian: true),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[20..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[24..]));
        return RecordError.None;
    }
}
