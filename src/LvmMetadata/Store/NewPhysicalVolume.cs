using System.Collections.Immutable;
using System.Text;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>A device that is to join a group, oVirt's way: two metadata areas, both ignored.</summary>
/// <remarks>
/// As with vgextend the device is whole, and marked as used, before the group's text names it. A crash in between leaves a device that looks
/// like one of any other group whose areas are ignored. A note in the first area, where no reader of LVM looks, tells them apart: which group
/// was about to take it. It goes when the text is durable.
/// </remarks>
public sealed class NewPhysicalVolume
{
    /// <summary>From the start of the first area: behind the header, and a whole block on any sector size.</summary>
    private const int NoteAt = 4096;
    private const int NoteBytes = 4096;

    private readonly IPvArea pv;
    private readonly LvmUuid group;
    private readonly ImmutableArray<DiskArea> areas;
    private readonly IReadOnlyList<FoundSignature> wiped;

    private NewPhysicalVolume(
        IPvArea pv, LvmUuid group, LvmUuid uuid, PvExtents extents, ImmutableArray<DiskArea> areas, IReadOnlyList<FoundSignature> wiped)
    {
        (this.pv, this.group, Uuid, Extents, this.areas, this.wiped) = (pv, group, uuid, extents, areas, wiped);
    }

    public LvmUuid Uuid { get; }

    public PvExtents Extents { get; }

    /// <param name="group">Of which the device is not a part: whoever asks has looked.</param>
    /// <param name="uuid">Of a device that has none yet; one that was left behind on its way into this group keeps its own.</param>
    /// <param name="wipe">Whatever the device carries may be lost.</param>
    /// <returns>Null, and why: it is too small, or carries something. Nothing was written.</returns>
    /// <exception cref="IOException">The device failed.</exception>
    public static async ValueTask<(NewPhysicalVolume? Volume, string Problem)> PrepareAsync(
        IPvArea pv, LvmUuid group, LvmUuid uuid, long extentSizeBytes, long metadataAreaBytes, bool wipe)
    {
        var size = pv.SizeBytes / pv.SectorSize * pv.SectorSize;
        var options = new VgCreateOptions
        {
            Name = "", VgUuid = group, PvUuid = uuid, ExtentSizeBytes = extentSizeBytes, MetadataAreaBytes = metadataAreaBytes, Copies = 2,
        };
        if (PvLayout.For(size, pv.SectorSize, options, out var problem) is not { } layout)
        {
            return (null, problem);
        }
        var areas = ImmutableArray.Create(layout.First, layout.Second!.Value);
        var left = await LeftBehindAsync(pv, group, areas);
        var found = await DeviceProbe.ProbeAsync(pv);
        if (!wipe && found.Any(signature => left is null || !IsOurs(signature, layout.First)))
        {
            return (null, $"it is not empty: {string.Join(", ", found)}");
        }
        return (new NewPhysicalVolume(pv, group, left ?? uuid, new PvExtents(size, layout.ExtentStartBytes, layout.ExtentCount), areas, found), "");
    }

    /// <summary>Everything but the group's text. Repeating it is harmless.</summary>
    /// <returns>False when the guard let a write through no more.</returns>
    public async ValueTask<bool> WriteAsync(IWriteGuard guard)
    {
        foreach (var signature in wiped)
        {
            var start = signature.OffsetBytes / pv.SectorSize * pv.SectorSize;
            var end = (signature.OffsetBytes + signature.LengthBytes + pv.SectorSize - 1) / pv.SectorSize * pv.SectorSize;
            if (!await IssueAsync(guard, start, DiskMemory.Allocate((int)(end - start))))
            {
                return false;
            }
        }
        // First of all: whatever comes after it is recognised by it.
        if (!await IssueAsync(guard, areas[0].OffsetBytes + NoteAt, Note(group, Uuid)))
        {
            return false;
        }
        await pv.FlushAsync();
        foreach (var area in areas)
        {
            var header = DiskMemory.Allocate(4096);
            new MdaHeader(area.OffsetBytes, area.SizeBytes, new TextLocation(0, 0, 0, 1), default).Format(header.Span);
            if (!await IssueAsync(guard, area.OffsetBytes, header))
            {
                return false;
            }
        }
        await pv.FlushAsync();
        var sectors = DiskMemory.Allocate(Math.Max(PvLabel.ScanSectors * PvLabel.SectorBytes, pv.SectorSize));
        new PvLabel(1, Uuid, Extents.DeviceBytes, [new DiskArea(Extents.StartBytes, 0)], areas, 2, 1, []).Format(sectors.Span[PvLabel.SectorBytes..]);
        if (!await IssueAsync(guard, 0, sectors))
        {
            return false;
        }
        await pv.FlushAsync();
        return true;
    }

    /// <summary>The text that names the device is durable: nobody needs the note any more.</summary>
    /// <param name="label">As it is on the device.</param>
    /// <exception cref="IOException">The device failed; asking again is harmless.</exception>
    public static async ValueTask ForgetNoteAsync(IPvArea pv, LvmUuid group, PvLabel label, IWriteGuard guard)
    {
        if (!label.MetadataAreas.IsEmpty && await ReadNoteAsync(pv, label.MetadataAreas[0]) == (group, label.PvUuid)
            && guard.Issue(() => pv.WriteAsync(label.MetadataAreas[0].OffsetBytes + NoteAt, DiskMemory.Allocate(NoteBytes))) is { } writing)
        {
            await writing;
            await pv.FlushAsync();
        }
    }

    /// <returns>The label of a device, null when there is none that can be believed.</returns>
    /// <exception cref="IOException">The device failed.</exception>
    public static async ValueTask<PvLabel?> ReadLabelAsync(IPvArea pv) => (await PvScan.ReadLabelAsync(pv)).Label;

    private async ValueTask<bool> IssueAsync(IWriteGuard guard, long offset, Memory<byte> bytes)
    {
        if (guard.Issue(() => pv.WriteAsync(offset, bytes)) is not { } writing)
        {
            return false;
        }
        await writing;
        return true;
    }

    /// <summary>The uuid that an attempt gave which ended before the text named it; null when there was none.</summary>
    private static async ValueTask<LvmUuid?> LeftBehindAsync(IPvArea pv, LvmUuid group, ImmutableArray<DiskArea> areas)
    {
        if (await ReadNoteAsync(pv, areas[0]) is not { } note || note.Group != group)
        {
            return null;
        }
        if (await ReadLabelAsync(pv) is { } label && (label.Sector != 1 || label.PvUuid != note.Pv || !label.MetadataAreas.SequenceEqual(areas)))
        {
            return null; // made a physical volume of something else since
        }
        var header = DiskMemory.Allocate(Math.Max(MdaHeader.Bytes, pv.SectorSize));
        foreach (var area in areas)
        {
            var read = await HeaderRead.ReadAsync(pv, area, header);
            if (read.Error == HeaderError.None ? !read.Header.Committed.IsIgnored || !read.Header.Committed.IsEmpty : header.Span.IndexOfAnyExcept((byte)0) >= 0)
            {
                return null;
            }
        }
        return note.Pv;
    }

    private static bool IsOurs(FoundSignature signature, DiskArea first) =>
        signature.OffsetBytes == PvLabel.SectorBytes || signature.OffsetBytes > first.OffsetBytes && signature.OffsetBytes < first.OffsetBytes + MdaHeader.Bytes;

    private static async ValueTask<(LvmUuid Group, LvmUuid Pv)?> ReadNoteAsync(IPvArea pv, DiskArea first)
    {
        if (first.OffsetBytes % pv.SectorSize != 0 || first.OffsetBytes > pv.SizeBytes - NoteAt - NoteBytes)
        {
            return null;
        }
        var note = DiskMemory.Allocate(NoteBytes);
        await pv.ReadAsync(first.OffsetBytes + NoteAt, note);
        var words = Encoding.ASCII.GetString(note.Span).Split(' ', '\n');
        return words is [_, _, _, _, var own, _, _, _, var group, _] && LvmUuid.TryParse(own, out var found) && LvmUuid.TryParse(group, out var into)
            && note.Span.SequenceEqual(Note(into, found).Span)
            ? (into, found)
            : null;
    }

    private static Memory<byte> Note(LvmUuid group, LvmUuid pv)
    {
        var note = DiskMemory.Allocate(NoteBytes);
        Encoding.ASCII.GetBytes($"spm adds physical volume {pv} to volume group {group}\n", note.Span);
        return note;
    }
}
