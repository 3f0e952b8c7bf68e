using System.Buffers.Binary;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Volumes.Journal;

/// <summary>The first sector of a segment: whose it is, and what came before.</summary>
/// <remarks>
/// Little-endian, one sector.
/// <code>
///  0 u64 magic "SPMJSEG\n"   8 u32 version 1     12 u32 CRC-32C of the sector
/// 16 16B pool uuid          32 u64 epoch         40 u64 sequence   48 u32 index in the ring   52 u32 flags (1 = begins its epoch)
/// 56 u64 predecessor's epoch  64 u64 its segment's sequence  72 u32 where its log ends in there   76.. zero
/// </code>
/// </remarks>
/// <param name="Sequence">Grows with every segment, whoever begins it.</param>
/// <param name="BeginsEpoch">Written beside the takeover's text: it counts once that text is there.</param>
/// <param name="PredecessorEnd">R18: where the log before this epoch ends; what landed behind it later is void. Null when there was none.</param>
public sealed record SegmentHeader(Guid Pool, ulong Epoch, ulong Sequence, int Index, bool BeginsEpoch, JournalPosition? PredecessorEnd)
{
    public const ulong Magic = 0x0A4745534A4D5053;
    public const uint Version = 1;

    private const uint BeginsEpochFlag = 1;

    public void Format(Span<byte> sector)
    {
        SectorSeal.Open(sector, Magic, Version);
        SectorSeal.WriteUuid(sector, 16, Pool);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[32..], Epoch);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[40..], Sequence);
        BinaryPrimitives.WriteInt32LittleEndian(sector[48..], Index);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[52..], BeginsEpoch ? BeginsEpochFlag : 0);
        if (PredecessorEnd is { } end)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(sector[56..], end.Epoch);
            BinaryPrimitives.WriteUInt64LittleEndian(sector[64..], end.Sequence);
            BinaryPrimitives.WriteInt32LittleEndian(sector[72..], end.OffsetBytes);
        }

        SectorSeal.Close(sector);
    }

    /// <param name="sector">The first sector of a segment.</param>
    /// <param name="index">Which segment of the ring was read.</param>
    /// <param name="header">Null unless the result is None.</param>
    public static RecordError TryParse(ReadOnlySpan<byte> sector, Guid pool, int index, out SegmentHeader? header)
    {
        header = null;
        if (SectorSeal.Check(sector, Magic, Version) is var error && error != RecordError.None)
        {
            return error;
        }

        if (SectorSeal.ReadUuid(sector, 16) != pool)
        {
            return RecordError.OtherPool;
        }

        if (BinaryPrimitives.ReadInt32LittleEndian(sector[48..]) != index)
        {
            return RecordError.OtherPlace;
        }

        var (flags, offset) = (BinaryPrimitives.ReadUInt32LittleEndian(sector[52..]), BinaryPrimitives.ReadInt32LittleEndian(sector[72..]));
        var (epoch, sequence) = (BinaryPrimitives.ReadUInt64LittleEndian(sector[32..]), BinaryPrimitives.ReadUInt64LittleEndian(sector[40..]));
        var before = new JournalPosition(BinaryPrimitives.ReadUInt64LittleEndian(sector[56..]), BinaryPrimitives.ReadUInt64LittleEndian(sector[64..]), offset);
        if (flags > BeginsEpochFlag || epoch == 0 || sequence == 0 || !SectorSeal.IsZero(sector[76..])
            || offset is < 0 or > JournalGeometry.SegmentBytes || (before.Sequence == 0 && before != default) || before.Sequence >= sequence)
        {
            return RecordError.BadField;
        }

        header = new SegmentHeader(pool, epoch, sequence, index, flags == BeginsEpochFlag, before == default ? null : before);
        return RecordError.None;
    }
}
