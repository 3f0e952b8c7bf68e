using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Text;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>One segment of a logical volume.</summary>
internal static class SegmentParser
{
    /// <returns>What lvm2 would not read either, or null.</returns>
    public static string? Parse(ParseContext context, int node, string volume, out LvSegment segment)
    {
        var tree = context.Tree;
        segment = null!;
        if (!tree.TryInteger(tree.Find(node, "start_extent"u8), out var start) || start is < 0 or > uint.MaxValue
            || !tree.TryInteger(tree.Find(node, "extent_count"u8), out var count) || count is < 1 or > uint.MaxValue
            || !tree.TryString(tree.Find(node, "type"u8), out var type))
        {
            return $"{context.Where(node)} of volume '{volume}': start_extent, extent_count or type is missing or out of range";
        }
        type = context.Word(type);
        if (type is not ("striped" or "linear"))
        {
            NoteReferences(context, node, volume, type, count);
            segment = new LvSegment(start, count, type, 0, 0, []);
            return null;
        }
        if (!tree.TryInteger(tree.Find(node, "stripe_count"u8), out var stripes) || stripes < 1 || count % stripes != 0)
        {
            return $"{context.Where(node)} of volume '{volume}': stripe_count is missing or does not divide extent_count";
        }
        long stripeSize = 0;
        if (stripes > 1 && !tree.TryInteger(tree.Find(node, "stripe_size"u8), out stripeSize))
        {
            return $"{context.Where(node)} of volume '{volume}': stripe_size is missing";
        }
        if (ParseAreas(context, tree.Find(node, "stripes"u8), stripes) is not { } areas)
        {
            return $"{context.Where(node)} of volume '{volume}': stripes does not name {stripes} areas";
        }
        foreach (var area in areas)
        {
            if (area.PvIndex >= 0)
            {
                context.Used.Add(new UsedExtents(area.PvIndex, area.StartExtent, count / stripes, volume));
            }
            else
            {
                context.ReferencedVolumes.Add(area.Name);
            }
        }
        segment = new LvSegment(start, count, type, (int)stripes, stripeSize, areas);
        return null;
    }

    private static ImmutableArray<SegmentArea>? ParseAreas(ParseContext context, int entry, long expected)
    {
        var tree = context.Tree;
        if (entry == 0 || tree.IsSection(entry) || expected > int.MaxValue)
        {
            return null;
        }
        var areas = ImmutableArray.CreateBuilder<SegmentArea>(1);
        for (var element = tree[entry].FirstChild; element != 0; element = tree[tree[element].Next].Next)
        {
            if (!tree.TryScalarString(element, out var name)
                || !tree.TryScalarInteger(tree[element].Next, out var start) || start is < 0 or > uint.MaxValue)
            {
                return null;
            }
            name = context.Word(name);
            areas.Add(new SegmentArea(context.PvIndexOf(name), name, start));
        }
        return areas.Count == expected ? areas.ToImmutable() : null;
    }

    /// <summary>Other types (thin, snapshot, raid, ones not invented yet) are kept as bytes; only what they hold on to is noted.</summary>
    private static void NoteReferences(ParseContext context, int node, string volume, string type, long count)
    {
        var tree = context.Tree;
        for (var entry = tree[node].FirstChild; entry != 0; entry = tree[entry].Next)
        {
            if (tree.IsSection(entry) || tree.Name(entry).SequenceEqual("type"u8) || tree.Name(entry).SequenceEqual("tags"u8))
            {
                continue;
            }
            for (var element = tree[entry].FirstChild; element != 0; element = tree[element].Next)
            {
                if (!tree.TryScalarString(element, out var name))
                {
                    continue;
                }
                context.ReferencedVolumes.Add(name);
                if (context.PvIndexOf(name) is var pv and >= 0)
                {
                    if (type == "mirror" && tree.TryScalarInteger(tree[element].Next, out var start) && start is >= 0 and <= uint.MaxValue)
                    {
                        context.Used.Add(new UsedExtents(pv, start, count, volume));
                    }
                    else
                    {
                        // It holds extents and we do not know how many: giving any away could give away these.
                        context.UncountableVolume = volume;
                    }
                }
            }
        }
    }
}
