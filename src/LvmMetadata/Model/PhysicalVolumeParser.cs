using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Text;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>The <c>physical_volumes</c> section.</summary>
internal static class PhysicalVolumeParser
{
    private const int SectorBytes = 512;

    /// <returns>What lvm2 would not read either, or null.</returns>
    public static string? Parse(ParseContext context, int section, out ImmutableArray<PhysicalVolume> volumes)
    {
        var tree = context.Tree;
        var found = ImmutableArray.CreateBuilder<PhysicalVolume>();
        volumes = [];
        var names = new HashSet<string>();
        for (var node = tree[section].FirstChild; node != 0; node = tree[node].Next)
        {
            if (!tree.IsSection(node))
            {
                continue;
            }
            var name = tree.NameText(node);
            if (!names.Add(name))
            {
                return $"{context.Where(node)}: two physical volumes have the same name";
            }
            if (ParseOne(context, node, name, found.Count) is not { } volume)
            {
                return $"{context.Where(node)}: id, status, pe_start or pe_count is missing or out of range";
            }
            found.Add(volume);
        }
        volumes = found.ToImmutable();
        return volumes.Length == 0 ? "the group has no physical volume" : null;
    }

    private static PhysicalVolume? ParseOne(ParseContext context, int node, string name, int index)
    {
        var tree = context.Tree;
        if (!tree.TryString(tree.Find(node, "id"u8), out var id) || !LvmUuid.TryParse(id, out var uuid)
            || tree.Find(node, "status"u8) == 0
            || !TrySectors(tree, tree.Find(node, "pe_start"u8), out var start)
            || !tree.TryInteger(tree.Find(node, "pe_count"u8), out var count) || count is < 0 or > uint.MaxValue
            || count > ((long.MaxValue / SectorBytes) - (start / SectorBytes)) / (context.ExtentSizeBytes / SectorBytes))
        {
            return null;
        }
        long? size = tree.Find(node, "dev_size"u8) is var sizeEntry and not 0 && TrySectors(tree, sizeEntry, out var bytes) ? bytes : null;
        _ = tree.TryString(tree.Find(node, "device"u8), out var device);
        return new PhysicalVolume(
            index, name, uuid, device, size, start, count,
            context.Strings(tree.Find(node, "status"u8)), context.Strings(tree.Find(node, "flags"u8)), context.Strings(tree.Find(node, "tags"u8)));
    }

    private static bool TrySectors(ConfigTree tree, int entry, out long bytes)
    {
        var ok = tree.TryInteger(entry, out var sectors) && sectors is >= 0 and <= long.MaxValue / SectorBytes;
        bytes = ok ? sectors * SectorBytes : 0;
        return ok;
    }
}
