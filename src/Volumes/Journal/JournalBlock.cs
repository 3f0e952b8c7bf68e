using System.Buffers.Binary;
using System.Collections.Immutable;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Volumes.Journal;

/// <summary>One append to the journal: records, and the commit they belong to.</summary>
/// <remarks>
/// Little-endian, whole sectors, behind a segment's header or another block.
/// <code>
///   0 u64 magic "SPMJBLK\n"  8 u32 version 1     12 u32 CRC-32C of all bytes of the block
///  16 16B pool uuid         32 u64 epoch         40 u64 segment's sequence    48 u32 offset in the segment   52 u32 bytes of the block
///  56 u32 flags (1 = beside a commit, 2 = needs nothing from before)
///  60 u32 records           64 u32 bytes of records
///  68 u32 seqno             72 u32 text bytes    76 u32 text checksum
///  80 u64 text's place in the first metadata area                    88 u64 in the second
///  96 u64 operations begun so far               104 u32 records that are carried over     108 u32 zero         112 records
/// </code>
/// The checksum covers all of it: a block of which a crash left only some sectors is no block, and what it was written beside was
/// acknowledged to nobody, because one flush makes both durable. A commit that did not take effect leaves a block that the next one
/// overwrites; when it stays the last one, the text decides (<see cref="JournalLog"/>).
/// </remarks>
/// <param name="Commit">Null for records that belong to no metadata commit.</param>
/// <param name="IsWhole">Its first records are the whole state so far: whatever was before is not needed.</param>
/// <param name="CarriedRecords">How many those are. They hold whether the commit takes effect or not.</param>
/// <param name="LastOperation">Highest operation number given so far.</param>
public sealed record JournalBlock(
    JournalPosition Position, CommitNote? Commit, bool IsWhole, int CarriedRecords, ulong LastOperation, ImmutableArray<JournalRecord> Records)
{
    public const ulong Magic = 0x0A4B4C424A4D5053;
    public const uint Version = 1;

    internal const int HeaderBytes = 112;
    private const uint CommitFlag = 1, WholeFlag = 2;

    /// <summary>Bytes on the device, as parsed.</summary>
    public int SizeBytes { get; init; }

    /// <param name="records">As <see cref="JournalRecordCodec"/> writes them.</param>
    /// <param name="block">Whole sectors, just enough.</param>
    internal void Format(Guid pool, ReadOnlySpan<byte> records, Span<byte> block)
    {
        block.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(block, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(block[8..], Version);
        SectorSeal.WriteUuid(block, 16, pool);
        BinaryPrimitives.WriteUInt64LittleEndian(block[32..], Position.Epoch);
        BinaryPrimitives.WriteUInt64LittleEndian(block[40..], Position.Sequence);
        BinaryPrimitives.WriteInt32LittleEndian(block[48..], Position.OffsetBytes);
        BinaryPrimitives.WriteInt32LittleEndian(block[52..], block.Length);
        var flags = (Commit is null ? 0 : CommitFlag) | (IsWhole ? WholeFlag : 0);
        BinaryPrimitives.WriteUInt32LittleEndian(block[56..], flags);
        BinaryPrimitives.WriteInt32LittleEndian(block[60..], Records.Length);
        BinaryPrimitives.WriteInt32LittleEndian(block[64..], records.Length);
        if (Commit is { } commit)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(block[68..], commit.Seqno);
            BinaryPrimitives.WriteInt32LittleEndian(block[72..], commit.SizeBytes);
            BinaryPrimitives.WriteUInt32LittleEndian(block[76..], commit.Checksum);
            BinaryPrimitives.WriteInt64LittleEndian(block[80..], commit.FirstPlace);
            BinaryPrimitives.WriteInt64LittleEndian(block[88..], commit.SecondPlace);
        }

        BinaryPrimitives.WriteUInt64LittleEndian(block[96..], LastOperation);
        BinaryPrimitives.WriteInt32LittleEndian(block[104..], CarriedRecords);
        records.CopyTo(block[HeaderBytes..]);
        BinaryPrimitives.WriteUInt32LittleEndian(block[12..], Crc32C.OfRecord(block, 12));
    }

    /// <param name="segment">All bytes of the segment.</param>
    /// <param name="at">Where a block of this position would begin.</param>
    /// <param name="block">Null unless the result is None.</param>
    public static RecordError TryParse(ReadOnlySpan<byte> segment, Guid pool, JournalPosition at, int sectorSize, out JournalBlock? block)
    {
        block = null;
        var bytes = segment[at.OffsetBytes..];
        if (bytes.Length < sectorSize)
        {
            return RecordError.WrongLength;
        }

        if (SectorSeal.IsZero(bytes[..sectorSize]))
        {
            return RecordError.Empty;
        }

        if (BinaryPrimitives.ReadUInt64LittleEndian(bytes) != Magic)
        {
            return RecordError.WrongMagic;
        }

        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes[52..]);
        if (length < sectorSize || length > bytes.Length || length % sectorSize != 0
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]) != Crc32C.OfRecord(bytes[..length], 12))
        {
            return RecordError.WrongChecksum;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]) != Version)
        {
            return RecordError.UnknownVersion;
        }

        if (SectorSeal.ReadUuid(bytes, 16) != pool)
        {
            return RecordError.OtherPool;
        }

        var there = new JournalPosition(
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[32..]), BinaryPrimitives.ReadUInt64LittleEndian(bytes[40..]), BinaryPrimitives.ReadInt32LittleEndian(bytes[48..]));
        // An older epoch's block at the same place of the ring, or one that was written astray.
        return there != at ? RecordError.OtherPlace : Read(bytes[..length], at, out block) ? RecordError.None : RecordError.BadField;
    }

    private static bool Read(ReadOnlySpan<byte> bytes, JournalPosition at, out JournalBlock? block)
    {
        block = null;
        var flags = BinaryPrimitives.ReadUInt32LittleEndian(bytes[56..]);
        var (count, length) = (BinaryPrimitives.ReadInt32LittleEndian(bytes[60..]), BinaryPrimitives.ReadInt32LittleEndian(bytes[64..]));
        if (flags > 3 || count < 0 || length < 0 || length > bytes.Length - HeaderBytes
            || !JournalRecordCodec.TryRead(bytes.Slice(HeaderBytes, length), count, out var records) || !SectorSeal.IsZero(bytes[(HeaderBytes + length)..]))
        {
            return false;
        }

        var commit = new CommitNote(
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[68..]), BinaryPrimitives.ReadInt32LittleEndian(bytes[72..]),
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[76..]), BinaryPrimitives.ReadInt64LittleEndian(bytes[80..]),
            BinaryPrimitives.ReadInt64LittleEndian(bytes[88..]));
        var carried = BinaryPrimitives.ReadInt32LittleEndian(bytes[104..]);
        if (carried < 0 || carried > count || (carried > 0 && (flags & WholeFlag) == 0)
            || ((flags & CommitFlag) == 0 && commit != default) || commit.SizeBytes < 0 || commit.FirstPlace < 0 || commit.SecondPlace < 0)
        {
            return false;
        }

        block = new JournalBlock(
            at, (flags & CommitFlag) != 0 ? commit : null, (flags & WholeFlag) != 0, carried,
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[96..]), records) { SizeBytes = bytes.Length };
        return true;
    }
}
