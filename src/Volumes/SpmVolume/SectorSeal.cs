using System.Buffers.Binary;

namespace OvirtSpm.Volumes.SpmVolume;

/// <summary>What every sector of ours begins with: magic, version, and a checksum over the whole sector.</summary>
/// <remarks><code>0 u64 magic   8 u32 version   12 u32 CRC-32C of the whole sector, this field as zero</code></remarks>
internal static class SectorSeal
{
    public const int HeaderBytes = 16;
    private const int ChecksumOffset = 12;

    public static void Open(Span<byte> sector, ulong magic, uint version)
    {
        if (sector.Length is not (512 or 4096))
        {
            throw new ArgumentException($"a sector has 512 or 4096 bytes, not {sector.Length}", nameof(sector));
        }

        sector.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(sector, magic);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[8..], version);
    }

    public static void Close(Span<byte> sector) =>
        BinaryPrimitives.WriteUInt32LittleEndian(sector[ChecksumOffset..], Crc32C.OfRecord(sector, ChecksumOffset));

    public static RecordError Check(ReadOnlySpan<byte> sector, ulong magic, uint version)
    {
        if (sector.Length is not (512 or 4096))
        {
            return RecordError.WrongLength;
        }

        if (sector.IndexOfAnyExcept((byte)0) < 0)
        {
            return RecordError.Empty;
        }

        if (BinaryPrimitives.ReadUInt64LittleEndian(sector) != magic)
        {
            return RecordError.WrongMagic;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(sector[ChecksumOffset..]) != Crc32C.OfRecord(sector, ChecksumOffset))
        {
            return RecordError.WrongChecksum;
        }

        return BinaryPrimitives.ReadUInt32LittleEndian(sector[8..]) == version ? RecordError.None : RecordError.UnknownVersion;
    }

    public static Guid ReadUuid(ReadOnlySpan<byte> sector, int offset) => new(sector.Slice(offset, 16), bigEndian: true);

    public static void WriteUuid(Span<byte> sector, int offset, Guid uuid) => uuid.TryWriteBytes(sector[offset..], bigEndian: true, out _);

    public static bool IsZero(ReadOnlySpan<byte> bytes) => bytes.IndexOfAnyExcept((byte)0) < 0;
}
