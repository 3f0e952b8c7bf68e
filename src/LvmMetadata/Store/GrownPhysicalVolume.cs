using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>A device of a group that became larger, before the group's text says so.</summary>
/// <remarks>
/// The second metadata area lies at the device's end, as lvm2 has it, and so does the space that is new. It is made again at the new end, with
/// the very text that is current, then the label names it instead of the old one, and only then a text may give away what the old one lay on:
/// <code>
/// written                    a crash after it leaves
/// new area: text, header     bytes that nobody reads
/// label                      two current copies, the old area unused; asking again goes on
/// text with more extents     (a commit)
/// </code>
/// </remarks>
public sealed class GrownPhysicalVolume
{
    private const int HeaderBytes = 4096;

    private readonly IPvArea pv;
    private readonly PvLabel label;
    private readonly DiskArea first, second;

    private GrownPhysicalVolume(IPvArea pv, PvLabel label, DiskArea first, DiskArea second, PvExtents extents) =>
        (this.pv, this.label, this.first, this.second, Extents) = (pv, label, first, second, extents);

    public LvmUuid Uuid => label.PvUuid;

    public PvExtents Extents { get; }

    /// <param name="known">What the text says of it.</param>
    /// <returns>Null with why it is left as it is; both null when there is no room for another extent.</returns>
    /// <exception cref="IOException">The device failed.</exception>
    public static async ValueTask<(GrownPhysicalVolume? Volume, string? Problem)> PrepareAsync(
        IPvArea pv, PhysicalVolume known, long extentSizeBytes, long metadataAreaBytes)
    {
        var size = pv.SizeBytes / pv.SectorSize * pv.SectorSize;
        var wishes = new VgCreateOptions
        {
            Name = "", VgUuid = known.Uuid, PvUuid = known.Uuid, ExtentSizeBytes = extentSizeBytes, MetadataAreaBytes = metadataAreaBytes, Copies = 2,
        };
        var (label, unlabelled) = await PvScan.ReadLabelAsync(pv);
        if (label?.PvUuid != known.Uuid)
        {
            return (null, label is null ? unlabelled : $"{pv.Name} carries the label of another device, {label.PvUuid}");
        }
        var end = known.ExtentStartBytes + (known.ExtentCount * extentSizeBytes);
        if (size < end)
        {
            return (null, $"{pv.Name} has {size} bytes, its extents end at {end}: {(end - size + extentSizeBytes - 1) / extentSizeBytes} extents are missing. Make it as large as it was");
        }
        if (PvLayout.For(size, pv.SectorSize, wishes, out _) is not { Second: { } second } layout || layout.ExtentCount <= known.ExtentCount)
        {
            return (null, null);
        }
        if (label.MetadataAreas is not [var one, var two] || one != layout.First || known.ExtentStartBytes != layout.ExtentStartBytes || label.BootLoaderAreas.Length > 0)
        {
            return (null, $"{pv.Name} is laid out in another way than oVirt does it; make it larger with pvresize");
        }
        if (two != second && second.OffsetBytes < two.OffsetBytes + two.SizeBytes)
        {
            // The live copy would be written over while it is the one that counts.
            return (null, $"{pv.Name} grew by too little: its metadata area at byte {two.OffsetBytes} would be moved onto itself. Make it at least {two.SizeBytes} bytes larger than it was");
        }
        return (new GrownPhysicalVolume(pv, label, one, second, new PvExtents(size, layout.ExtentStartBytes, layout.ExtentCount)), null);
    }

    /// <summary>Everything but the group's text. Repeating it is harmless.</summary>
    /// <param name="current">The text that every copy of this device names, closing NUL included; empty where its areas are ignored.</param>
    /// <returns>False when the guard let a write through no more.</returns>
    public async ValueTask<bool> WriteAsync(IWriteGuard guard, ReadOnlyMemory<byte> current)
    {
        if (label.MetadataAreas[1] == second)
        {
            return true;
        }
        var at = new MetadataRing(second.SizeBytes, pv.SectorSize).FirstBytes;
        var location = current.IsEmpty ? new TextLocation(0, 0, 0, 1) : new TextLocation(at, current.Length, LvmCrc.Compute(current.Span), 0);
        if (!current.IsEmpty)
        {
            var text = DiskMemory.Allocate((current.Length + HeaderBytes - 1) / HeaderBytes * HeaderBytes);
            current.CopyTo(text);
            if (!await IssueAsync(guard, second.OffsetBytes + at, text))
            {
                return false;
            }
            await pv.FlushAsync();
        }
        var header = DiskMemory.Allocate(HeaderBytes);
        new MdaHeader(second.OffsetBytes, second.SizeBytes, location, default).Format(header.Span);
        if (!await IssueAsync(guard, second.OffsetBytes, header))
        {
            return false;
        }
        // Durable before the label names it: a copy that is named and not there would be one copy less.
        await pv.FlushAsync();
        var head = DiskMemory.Allocate(Math.Max(HeaderBytes, pv.SectorSize));
        await pv.ReadAsync(0, head);
        (label with { DeviceSizeBytes = Extents.DeviceBytes, MetadataAreas = [first, second] }).Format(head.Span[((int)label.Sector * PvLabel.SectorBytes)..]);
        // One sector of the device: the label is the old one or the new one.
        var sector = (int)label.Sector * PvLabel.SectorBytes / pv.SectorSize * pv.SectorSize;
        if (!await IssueAsync(guard, sector, head.Slice(sector, pv.SectorSize)))
        {
            return false;
        }
        await pv.FlushAsync();
        return true;
    }

    private async ValueTask<bool> IssueAsync(IWriteGuard guard, long offset, Memory<byte> bytes)
    {
        if (guard.Issue(() => pv.WriteAsync(offset, bytes)) is not { } writing)
        {
            return false;
        }
        await writing;
        return true;
    }
}
