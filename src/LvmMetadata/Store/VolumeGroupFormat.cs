using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>pvcreate and vgcreate in one, oVirt's way.</summary>
public static class VolumeGroupFormat
{
    /// <remarks>
    /// Old signatures are zeroed first and the label is written last: a crash in between leaves a device that nobody takes for
    /// anything, and the next attempt begins anew.
    /// </remarks>
    /// <exception cref="IOException">The device failed; it may be half made.</exception>
    public static async ValueTask<FormatOutcome> CreateAsync(IPvArea pv, VgCreateOptions options, DateTimeOffset when, string host)
    {
        var size = pv.SizeBytes / pv.SectorSize * pv.SectorSize;
        if (PvLayout.For(size, pv.SectorSize, options, out var problem) is not { } layout)
        {
            return new FormatOutcome.Refused($"{pv.Name}: {problem}");
        }
        if (GroupRules.NameProblem(options.Name) is { } nameProblem)
        {
            return new FormatOutcome.Refused(nameProblem);
        }
        if (options.VgUuid.IsEmpty || options.PvUuid.IsEmpty || options.Epoch > long.MaxValue || options.Tags.Any(EpochTag.Is))
        {
            return new FormatOutcome.Refused("the uuids must not be empty, the epoch must be below 2^63 and is not given as a tag");
        }
        var text = NewGroupText.Format(options, layout, size, when, host);
        var parseProblem = VolumeGroup.TryParse(text, out var group);
        if ((parseProblem ?? group!.WriteRefusal) is { } refused)
        {
            return new FormatOutcome.Refused(refused);
        }
        var areas = layout.Second is { } second ? ImmutableArray.Create(layout.First, second) : [layout.First];
        if (text.Length + 1 > areas.Min(area => new MetadataRing(area.SizeBytes, pv.SectorSize).MaxTextBytes))
        {
            return new FormatOutcome.Refused($"{pv.Name}: the metadata area is too small for the group's own tags; make it larger");
        }
        var found = await DeviceProbe.ProbeAsync(pv);
        if (found.Count > 0 && !options.Wipe)
        {
            return new FormatOutcome.NotEmpty(found);
        }
        await WipeAsync(pv, found);
        await WriteCopiesAsync(pv, areas, text);
        var label = DiskMemory.Allocate(Math.Max(4096, pv.SectorSize));
        new PvLabel(1, options.PvUuid, size, [new DiskArea(layout.ExtentStartBytes, 0)], areas, 2, 1, []).Format(label.Span[PvLabel.SectorBytes..]);
        await pv.WriteAsync(0, label);
        await pv.FlushAsync();
        return new FormatOutcome.Created(group!);
    }

    private static async ValueTask WriteCopiesAsync(IPvArea pv, ImmutableArray<DiskArea> areas, byte[] text)
    {
        var copies = areas.Select(area => new MetadataCopy(pv, area, null)).ToList();
        foreach (var copy in copies)
        {
            var padded = DiskMemory.Allocate((text.Length + 1 + 4095) / 4096 * 4096);
            await pv.WriteAsync(copy.Area.OffsetBytes, DiskMemory.Allocate(4096));
            text.CopyTo(padded);
            await pv.WriteAsync(copy.Area.OffsetBytes + copy.Ring.FirstBytes, padded);
        }
        await pv.FlushAsync();
        foreach (var copy in copies)
        {
            byte[] withNul = [.. text, 0];
            await MetadataWriter.WriteHeaderAsync(copy, new TextLocation(copy.Ring.FirstBytes, withNul.Length, LvmCrc.Compute(withNul), 0));
        }
        await pv.FlushAsync();
    }

    private static async ValueTask WipeAsync(IPvArea pv, IReadOnlyList<FoundSignature> found)
    {
        foreach (var signature in found)
        {
            var start = signature.OffsetBytes / pv.SectorSize * pv.SectorSize;
            var end = (signature.OffsetBytes + signature.LengthBytes + pv.SectorSize - 1) / pv.SectorSize * pv.SectorSize;
            await pv.WriteAsync(start, DiskMemory.Allocate((int)(end - start)));
        }
        await pv.WriteAsync(0, DiskMemory.Allocate(Math.Max(4096, pv.SectorSize)));
        await pv.FlushAsync();
    }
}
