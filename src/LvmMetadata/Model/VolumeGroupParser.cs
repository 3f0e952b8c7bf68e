using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Text;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>Text to <see cref="VolumeGroup"/>, keeping every byte.</summary>
internal static class VolumeGroupParser
{
    /// <param name="text">With or without its closing NUL.</param>
    /// <returns>What lvm2 would not read either, or null.</returns>
    public static string? Parse(ReadOnlyMemory<byte> text, out VolumeGroup? group)
    {
        group = null;
        if (ConfigTree.TryParse(text, out var parsed) is { } error)
        {
            return error.ToString();
        }
        using var tree = parsed!;
        var vg = tree[ConfigTree.Root].FirstChild;
        if (vg == 0 || !tree.IsSection(vg) || tree[vg].Name != 0)
        {
            return "the text does not begin with the name of a volume group";
        }
        var name = tree.NameText(vg);
        if (!tree.TryString(tree.Find(ConfigTree.Root, "contents"u8), out var contents) || contents != "Text Format Volume Group"
            || !tree.TryInteger(tree.Find(ConfigTree.Root, "version"u8), out var version) || version != 1)
        {
            return "contents = \"Text Format Volume Group\" or version = 1 is missing";
        }
        if (!tree.TryString(tree.Find(vg, "id"u8), out var id) || !LvmUuid.TryParse(id, out var uuid))
        {
            return "the group's id is missing or not a uuid";
        }
        if (!tree.TryInteger(tree.Find(vg, "seqno"u8), out var seqno) || seqno is < 0 or > uint.MaxValue)
        {
            return "the group's seqno is missing or out of range";
        }
        if (tree.Find(vg, "format"u8) is var format and not 0 && (!tree.TryString(format, out var formatName) || formatName != "lvm2"))
        {
            return "the group's format is not lvm2";
        }
        if (!tree.TryInteger(tree.Find(vg, "extent_size"u8), out var extentSectors) || extentSectors is < 1 or > uint.MaxValue)
        {
            return "the group's extent_size is missing or out of range";
        }
        var statusEntry = tree.Find(vg, "status"u8);
        var pvSection = tree.FindSection(vg, "physical_volumes"u8);
        if (statusEntry == 0 || pvSection == 0)
        {
            return "the group's status or physical_volumes is missing";
        }
        var context = new ParseContext(tree) { GroupName = name, ExtentSizeBytes = extentSectors * 512 };
        if (PhysicalVolumeParser.Parse(context, pvSection, out var pvs) is { } pvProblem)
        {
            return pvProblem;
        }
        context.PhysicalVolumes = pvs;
        if (ParseVolumes(context, tree.FindSection(vg, "logical_volumes"u8), out var volumes, out var byName) is { } lvProblem)
        {
            return lvProblem;
        }
        if (FreeSpace.From(pvs, context.Used, out var overlap) is not { } free)
        {
            return overlap;
        }
        _ = tree.TryString(tree.Find(ConfigTree.Root, "description"u8), out var description);
        _ = tree.TryString(tree.Find(ConfigTree.Root, "creation_host"u8), out var host);
        _ = tree.TryString(tree.Find(vg, "system_id"u8), out var systemId);
        var tags = context.Strings(tree.Find(vg, "tags"u8));
        var epoch = EpochTag.Read(tags, out var epochProblem);
        var hasKey = tree.TryInteger(tree.Find(vg, "spm_epoch"u8), out var key);
        var skeleton = SkeletonParser.Parse(tree, vg);
        var parts = new VolumeGroup(new VolumeGroupInterior(skeleton, NameIndex.Of(byName), free, volumes.Sum(v => (long)v.Text.Block.Length), context.UncountableVolume))
        {
            Name = name,
            Uuid = uuid,
            Seqno = (uint)seqno,
            ExtentSizeBytes = context.ExtentSizeBytes,
            Status = context.Strings(statusEntry),
            Flags = context.Strings(tree.Find(vg, "flags"u8)),
            SystemId = systemId,
            Tags = tags,
            PhysicalVolumes = pvs,
            LogicalVolumes = volumes,
            Epoch = epoch,
            HasTripwire = hasKey && epoch is { } tagged && (ulong)key == tagged,
            WriteRefusal = WriteRefusals.Of(tree, vg, skeleton, name, context, volumes) ?? epochProblem,
            Description = description,
            WriterHost = host,
        };
        group = parts;
        return null;
    }

    private static string? ParseVolumes(
        ParseContext context, int section, out ImmutableArray<LogicalVolume> volumes, out Dictionary<string, LogicalVolume> byName)
    {
        var tree = context.Tree;
        var found = new List<LogicalVolume>();
        volumes = [];
        byName = [];
        var lead = section == 0 ? 0 : tree[section].Body;
        for (var node = section == 0 ? 0 : tree[section].FirstChild; node != 0; node = tree[node].Next)
        {
            if (!tree.IsSection(node))
            {
                continue;
            }
            if (LogicalVolumeParser.Parse(context, node, found.Count, out var volume) is { } problem)
            {
                return problem;
            }
            // A stray key between two volumes is carried along with the volume behind it.
            found.Add(tree[node].Lead == lead ? volume : volume.With(new LogicalVolumeText(tree.Source[lead..tree[node].End], found.Count)));
            lead = tree[node].End;
        }
        for (var i = 0; i < found.Count && context.ReferencedVolumes.Count > 0; i++)
        {
            if (context.ReferencedVolumes.Contains(found[i].Name) && found[i].EditRefusal is null)
            {
                found[i] = found[i].With(refusal: $"other volumes are built on volume '{found[i].Name}'; use lvm2");
            }
        }
        byName.EnsureCapacity(found.Count);
        foreach (var volume in found)
        {
            if (!byName.TryAdd(volume.Name, volume))
            {
                return $"two volumes have the name '{volume.Name}'";
            }
        }
        volumes = [.. found];
        return UnknownArea(context, volumes, byName);
    }

    private static string? UnknownArea(
        ParseContext context, ImmutableArray<LogicalVolume> volumes, Dictionary<string, LogicalVolume> byName)
    {
        if (context.ReferencedVolumes.Count == 0)
        {
            return null;
        }
        foreach (var volume in volumes)
        {
            foreach (var segment in volume.Segments)
            {
                foreach (var area in segment.Areas)
                {
                    if (area.PvIndex < 0 && !byName.ContainsKey(area.Name))
                    {
                        return $"volume '{volume.Name}' lies on '{area.Name}', which is neither a physical nor a logical volume of the group";
                    }
                }
            }
        }
        return null;
    }
}
