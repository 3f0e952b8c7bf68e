using System.Buffers.Binary;
using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.OnDisk;

/// <summary>The sector that says "this is a physical volume", with the header inside it.</summary>
/// <remarks>
/// Little-endian; 512 bytes in sector 0, 1, 2 or 3, written to sector 1.
/// <code>
///  0  8 "LABELONE"      8 u64 this sector's number   16 u32 crc of 20..511   20 u32 offset of the rest = 32
/// 24  8 "LVM2 001"     32 32 uuid without hyphens    64 u64 device size in bytes
/// 72 data areas, then metadata areas: pairs (u64 offset, u64 size), each list ended by a zero pair
/// .. u32 extension version   .. u32 extension flags (bit 0: used by a group)   .. boot loader areas, likewise ended
/// </code>
/// Source: behaviour of LVM2 2.03.16, byte for byte on its own labels.
/// </remarks>
public sealed record PvLabel(
    long Sector,
    LvmUuid PvUuid,
    long DeviceSizeBytes,
    ImmutableArray<DiskArea> DataAreas,
    ImmutableArray<DiskArea> MetadataAreas,
    uint ExtensionVersion,
    uint ExtensionFlags,
    ImmutableArray<DiskArea> BootLoaderAreas)
{
    public const int SectorBytes = 512;

    /// <summary>A label is looked for in the first four sectors.</summary>
    public const int ScanSectors = 4;

    private const int CrcFrom = 20;
    private const int HeaderOffset = 32;
    private const int UuidAt = HeaderOffset;
    private const int DeviceSizeAt = UuidAt + LvmUuid.Length;
    private const int PairBytes = 16;

    public bool IsInUse => (ExtensionFlags & 1) != 0;

    /// <param name="sector">Exactly 512 bytes.</param>
    /// <param name="sectorNumber">Where they were read.</param>
    public static LabelError TryParse(ReadOnlySpan<byte> sector, long sectorNumber, out PvLabel? label)
    {
        label = null;
        if (!sector[..8].SequenceEqual("LABELONE"u8))
        {
            return LabelError.NotALabel;
        }
        if (BinaryPrimitives.ReadUInt64LittleEndian(sector[8..]) != (ulong)sectorNumber)
        {
            return LabelError.WrongSector;
        }
        if (BinaryPrimitives.ReadUInt32LittleEndian(sector[16..]) != LvmCrc.Compute(sector[CrcFrom..SectorBytes]))
        {
            return LabelError.WrongChecksum;
        }
        if (!sector.Slice(24, 8).SequenceEqual("LVM2 001"u8))
        {
            return LabelError.WrongType;
        }
        var start = BinaryPrimitives.ReadUInt32LittleEndian(sector[20..]);
        if (start is < HeaderOffset or > SectorBytes - 40)
        {
            return LabelError.WrongHeaderOffset;
        }
        var at = (int)start;
        if (!LvmUuid.TryParse(sector.Slice(at, LvmUuid.Length), out var uuid))
        {
            return LabelError.BadUuid;
        }
        var size = BinaryPrimitives.ReadUInt64LittleEndian(sector[(at + 32)..]);
        at += 40;
        if (size > long.MaxValue || !TryReadAreas(sector, ref at, out var data) || !TryReadAreas(sector, ref at, out var metadata))
        {
            return LabelError.BadAreaList;
        }
        uint version = 0, flags = 0;
        var bootLoader = ImmutableArray<DiskArea>.Empty;
        if (at + 8 <= SectorBytes)
        {
            version = BinaryPrimitives.ReadUInt32LittleEndian(sector[at..]);
            flags = BinaryPrimitives.ReadUInt32LittleEndian(sector[(at + 4)..]);
            at += 8;
            if (version > 0 && !TryReadAreas(sector, ref at, out bootLoader))
            {
                return LabelError.BadAreaList;
            }
        }
        label = new PvLabel(sectorNumber, uuid, (long)size, data, metadata, version, version > 1 ? flags : 0, bootLoader);
        return LabelError.None;
    }

    /// <param name="sector">At least 512 bytes; the first 512 are overwritten.</param>
    /// <exception cref="InvalidOperationException">More areas than one sector holds.</exception>
    public void Format(Span<byte> sector)
    {
        sector = sector[..SectorBytes];
        sector.Clear();
        "LABELONE"u8.CopyTo(sector);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[8..], (ulong)Sector);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[20..], HeaderOffset);
        "LVM2 001"u8.CopyTo(sector[24..]);
        PvUuid.WriteCompact(sector[UuidAt..]);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[DeviceSizeAt..], (ulong)DeviceSizeBytes);
        var at = DeviceSizeAt + 8;
        var pairs = DataAreas.Length + MetadataAreas.Length + BootLoaderAreas.Length + 3;
        if (at + (pairs * PairBytes) + 8 > SectorBytes)
        {
            throw new InvalidOperationException($"a label holds {(SectorBytes - at - 8) / PairBytes - 3} areas, not {pairs - 3}");
        }
        WriteAreas(sector, ref at, DataAreas);
        WriteAreas(sector, ref at, MetadataAreas);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[at..], ExtensionVersion);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[(at + 4)..], ExtensionFlags);
        at += 8;
        WriteAreas(sector, ref at, BootLoaderAreas);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[16..], LvmCrc.Compute(sector[CrcFrom..]));
    }

    private static bool TryReadAreas(ReadOnlySpan<byte> sector, ref int at, out ImmutableArray<DiskArea> areas)
    {
        var found = ImmutableArray.CreateBuilder<DiskArea>();
        areas = [];
        for (; at + PairBytes <= SectorBytes; at += PairBytes)
        {
            var offset = BinaryPrimitives.ReadUInt64LittleEndian(sector[at..]);
            var size = BinaryPrimitives.ReadUInt64LittleEndian(sector[(at + 8)..]);
            if (offset == 0)
            {
                at += PairBytes;
                areas = found.ToImmutable();
                return true;
            }
            if (offset > long.MaxValue || size > long.MaxValue || offset + size > long.MaxValue)
            {
                return false;
            }
            found.Add(new DiskArea((long)offset, (long)size));
        }
        return false;
    }

    private static void WriteAreas(Span<byte> sector, ref int at, ImmutableArray<DiskArea> areas)
    {
        foreach (var area in areas)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(sector[at..], (ulong)area.OffsetBytes);
            BinaryPrimitives.WriteUInt64LittleEndian(sector[(at + 8)..], (ulong)area.SizeBytes);
            at += PairBytes;
        }
        at += PairBytes;
    }
}
