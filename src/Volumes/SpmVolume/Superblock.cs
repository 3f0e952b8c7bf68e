using System.Buffers.Binary;

namespace OvirtSpm.Volumes.SpmVolume;

/// <summary>The first sector of the LV <c>spm</c>: whose it is, and where everything lies.</summary>
/// <remarks>
/// Little-endian, one sector, uuids as in RFC 9562.
/// <code>
///  0 u64 magic "SPMSUPR\n"     8 u32 version 1           12 u32 CRC-32C of the sector
/// 16 u32 incompatible flags   20 u32 compatible flags   24 u32 sector size   28 u32 number of regions
/// 32 16B pool uuid            48 16B domain uuid        64..127 zero
/// 128 regions, 32 bytes each, at most 12:  0 u32 kind   4 u32 zero   8 u64 offset   16 u64 size   24 u64 zero
/// 512.. zero
/// </code>
/// An unknown incompatible flag means "refuse": whoever set it stores something an older program would destroy.
/// Unknown compatible flags and unknown kinds of regions are kept by nobody and read by nobody: this sector is written once.
/// </remarks>
/// <param name="Pool">Stands in every other record of this LV.</param>
/// <param name="Domain">The domain, and the name of the volume group.</param>
public sealed record Superblock(Guid Pool, Guid Domain, SpmLayout Layout)
{
    public const ulong Magic = 0x0A525055534D5053;
    public const uint Version = 1;

    private const int RegionTableOffset = 128;
    private const int RegionBytes = 32;
    private const int MostRegions = (512 - RegionTableOffset) / RegionBytes;

    /// <param name="sector">One sector of the layout's size.</param>
    public void Format(Span<byte> sector)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(sector.Length, Layout.SectorSize);
        SectorSeal.Open(sector, Magic, Version);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[24..], (uint)Layout.SectorSize);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[28..], 4);
        SectorSeal.WriteUuid(sector, 32, Pool);
        SectorSeal.WriteUuid(sector, 48, Domain);
        WriteRegion(sector, 0, RegionKind.HostRecordsFirst, Layout.HostRecordsFirst);
        WriteRegion(sector, 1, RegionKind.HostRecordsSecond, Layout.HostRecordsSecond);
        WriteRegion(sector, 2, RegionKind.ActivationMaps, Layout.ActivationMaps);
        WriteRegion(sector, 3, RegionKind.Journal, Layout.Journal);
        SectorSeal.Close(sector);
    }

    /// <param name="sector">One sector of the device: its length is the device's sector size.</param>
    /// <param name="domain">The domain whose LV was read; null to take what is there.</param>
    /// <param name="superblock">Null unless the result is None.</param>
    public static RecordError TryParse(ReadOnlySpan<byte> sector, Guid? domain, out Superblock? superblock)
    {
        superblock = null;
        var error = SectorSeal.Check(sector, Magic, Version);
        if (error != RecordError.None)
        {
            return error == RecordError.WrongChecksum && IsOfOtherSectorSize(sector) ? RecordError.OtherSectorSize : error;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(sector[16..]) != 0)
        {
            return RecordError.UnknownFeature;
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(sector[24..]) != sector.Length)
        {
            return RecordError.OtherSectorSize;
        }

        if (domain is { } expected && SectorSeal.ReadUuid(sector, 48) != expected)
        {
            return RecordError.OtherPool;
        }

        if (!TryReadLayout(sector, out var layout))
        {
            return RecordError.BadField;
        }

        superblock = new Superblock(SectorSeal.ReadUuid(sector, 32), SectorSeal.ReadUuid(sector, 48), layout!);
        return RecordError.None;
    }

    /// <summary>
    /// The checksum covers a sector, so on a device with other sectors than the one it was written to (an image copied from a
    /// 4096-byte disk to a 512-byte one) it cannot agree. Naming that beats "damaged".
    /// </summary>
    private static bool IsOfOtherSectorSize(ReadOnlySpan<byte> sector)
    {
        var written = BinaryPrimitives.ReadUInt32LittleEndian(sector[24..]);
        return sector.Length == 4096
            ? written == 512 && SectorSeal.Check(sector[..512], Magic, Version) == RecordError.None
            : written == 4096;
    }

    private static void WriteRegion(Span<byte> sector, int index, RegionKind kind, Region region)
    {
        var entry = sector.Slice(RegionTableOffset + index * RegionBytes, RegionBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(entry, (uint)kind);
        BinaryPrimitives.WriteInt64LittleEndian(entry[8..], region.OffsetBytes);
        BinaryPrimitives.WriteInt64LittleEndian(entry[16..], region.SizeBytes);
    }

    private static bool TryReadLayout(ReadOnlySpan<byte> sector, out SpmLayout? layout)
    {
        layout = null;
        var count = BinaryPrimitives.ReadUInt32LittleEndian(sector[28..]);
        if (count > MostRegions)
        {
            return false;
        }

        var regions = new List<(RegionKind Kind, Region Region)>();
        for (var i = 0; i < count; i++)
        {
            var entry = sector.Slice(RegionTableOffset + i * RegionBytes, RegionBytes);
            regions.Add((
                (RegionKind)BinaryPrimitives.ReadUInt32LittleEndian(entry),
                new Region(BinaryPrimitives.ReadInt64LittleEndian(entry[8..]), BinaryPrimitives.ReadInt64LittleEndian(entry[16..]))));
        }

        if (!regions.All(entry => IsInside(entry.Region)) || Overlap(regions) || regions.Select(entry => entry.Kind).Distinct().Count() != regions.Count)
        {
            return false;
        }

        Region? Find(RegionKind kind) => regions.Where(entry => entry.Kind == kind).Select(entry => (Region?)entry.Region).FirstOrDefault();
        if (Find(RegionKind.HostRecordsFirst) is not { } first
            || Find(RegionKind.HostRecordsSecond) is not { } second
            || Find(RegionKind.ActivationMaps) is not { } maps
            || Find(RegionKind.Journal) is not { } journal)
        {
            return false;
        }

        layout = new SpmLayout(sector.Length, first, second, maps, journal);
        return first.SizeBytes >= layout.HostRecordBytes && second.SizeBytes >= layout.HostRecordBytes && maps.SizeBytes >= layout.ActivationMapBytes;
    }

    /// <summary>Behind both superblocks, inside the LV, on 4096-byte bounds.</summary>
    private static bool IsInside(Region region) =>
        region.OffsetBytes >= SpmLayout.SuperblockCopyOffsetBytes + 4096
        && region.SizeBytes is > 0 and <= SpmLayout.VolumeBytes
        && region.OffsetBytes <= SpmLayout.VolumeBytes - region.SizeBytes
        && region.OffsetBytes % 4096 == 0 && region.SizeBytes % 4096 == 0;

    private static bool Overlap(List<(RegionKind Kind, Region Region)> regions)
    {
        var sorted = regions.OrderBy(entry => entry.Region.OffsetBytes).ToList();
        return sorted.Zip(sorted.Skip(1)).Any(pair => pair.First.Region.EndBytes > pair.Second.Region.OffsetBytes);
    }
}
