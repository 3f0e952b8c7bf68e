using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.Simulation.Pool;

/// <summary>One metadata copy as it lies on the disk at this moment; a text is parsed once, however often it is looked at.</summary>
internal sealed class MetadataImage(SimDisk disk, DiskArea area)
{
    private (uint Crc, long Size, VolumeGroup? Group) parsed;

    public DiskArea Area => area;

    public TextLocation? Location { get; private set; }

    /// <summary>Null when stock lvm2 would not believe this copy.</summary>
    public VolumeGroup? Group { get; private set; }

    public bool Holds(long offset) => offset >= area.OffsetBytes && offset < area.OffsetBytes + area.SizeBytes;

    /// <summary>Do these bytes of the device belong to the text that the header points at?</summary>
    public bool IsLive(long offset, long length)
    {
        if (Location is not { IsEmpty: false } live)
        {
            return false;
        }

        var (first, second) = new MetadataRing(area.SizeBytes, disk.SectorSize).Pieces(live);
        var written = new RingPiece(offset - area.OffsetBytes, offset - area.OffsetBytes + length);
        return first.Overlaps(written) || second.Overlaps(written);
    }

    public void Read(MetadataImage? other)
    {
        var sector = new byte[Math.Max(MdaHeader.Bytes, disk.SectorSize)];
        disk.Bytes.Read(area.OffsetBytes, sector);
        var error = MdaHeader.TryParse(sector, area, out var header);
        (Location, Group) = (error == HeaderError.None ? header.Committed : null, null);
        if (Location is not { IsEmpty: false } live)
        {
            return;
        }

        var (first, second) = new MetadataRing(area.SizeBytes, disk.SectorSize).Pieces(live);
        var text = new byte[live.SizeBytes];
        disk.Bytes.Read(area.OffsetBytes + first.StartBytes, text.AsSpan(0, (int)first.LengthBytes));
        disk.Bytes.Read(area.OffsetBytes + second.StartBytes, text.AsSpan((int)first.LengthBytes, (int)second.LengthBytes));
        if (LvmCrc.Compute(text) != live.Crc)
        {
            return;
        }

        if ((parsed.Crc, parsed.Size) != (live.Crc, live.SizeBytes))
        {
            parsed = other?.parsed is { Group: not null } same && (same.Crc, same.Size) == (live.Crc, live.SizeBytes)
                ? same
                : (live.Crc, live.SizeBytes, VolumeGroup.TryParse(text, out var group) is null ? group : null);
        }

        Group = parsed.Group;
    }
}
