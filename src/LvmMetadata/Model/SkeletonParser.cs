using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Text;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>Cuts a group's text into the pieces around its volumes.</summary>
internal static class SkeletonParser
{
    private static readonly string[] TrailerKeys =
        ["contents", "version", "description", "creation_host", "creation_host_system_id", "creation_time"];

    public static VolumeGroupSkeleton Parse(ConfigTree tree, int vg)
    {
        var items = ImmutableArray.CreateBuilder<SkeletonItem>();
        // The same one that the volumes were read from: were it another, writing would lose them.
        var lvSection = tree.FindSection(vg, "logical_volumes"u8);
        var pvAt = 0;
        for (var node = tree[vg].FirstChild; node != 0; node = tree[node].Next)
        {
            var key = tree.NameText(node);
            if (node == lvSection)
            {
                items.Add(new SkeletonItem(key, default, 0));
                continue;
            }
            // A key that happens to be called logical_volumes, or a second such section, is an unknown item (and refused by WriteRefusals).
            items.Add(new SkeletonItem(key == VolumeGroupText.LogicalVolumesKey ? "" : key, tree.Whole(node), NameStart(tree, node) - tree[node].Lead));
            pvAt = key == "physical_volumes" ? items.Count : pvAt;
        }
        var close = tree.Source[tree.EndOfChildren(vg)..tree[vg].End];
        ReadOnlyMemory<byte> absent = default;
        ReadOnlyMemory<byte> lvOpen = "\n\nlogical_volumes {"u8.ToArray();
        ReadOnlyMemory<byte> lvClose = "\n}"u8.ToArray();
        if (lvSection != 0)
        {
            lvOpen = tree.Source[tree[lvSection].Lead..tree[lvSection].Body];
            var end = EndOfVolumes(tree, lvSection);
            lvClose = tree.Source[end..tree[lvSection].End];
            // lvm2 leaves out a section without volumes: if it is there, or something else is in it, somebody else wrote that, and it stays.
            var stays = end == tree[lvSection].Body || end != tree.EndOfChildren(lvSection);
            absent = stays ? (byte[])[.. lvOpen.Span, .. lvClose.Span] : "\n"u8.ToArray();
        }
        else
        {
            items.Insert(pvAt, new SkeletonItem(VolumeGroupText.LogicalVolumesKey, default, 0));
            if (pvAt == items.Count - 1 && close.Span.SequenceEqual("\n\n\n}"u8))
            {
                // lvm2 leaves the section's own blank line behind when there is no volume.
                absent = close[..1];
                close = close[1..];
            }
        }
        return new VolumeGroupSkeleton(
            tree.Source[..tree[vg].Body], items.ToImmutable(), lvOpen, lvClose, absent, close, tree.Source[tree[vg].End..], ForeignTrailer(tree, vg));
    }

    private static int NameStart(ConfigTree tree, int node)
    {
        var start = tree[node].Name;
        return start > tree[node].Lead && tree.Source.Span[start - 1] is (byte)'"' or (byte)'\'' ? start - 1 : start;
    }

    private static int EndOfVolumes(ConfigTree tree, int section)
    {
        var end = tree[section].Body;
        for (var node = tree[section].FirstChild; node != 0; node = tree[node].Next)
        {
            end = tree.IsSection(node) ? tree[node].End : end;
        }
        return end;
    }

    private static ReadOnlyMemory<byte> ForeignTrailer(ConfigTree tree, int vg)
    {
        var kept = new ConfigWriter();
        for (var node = tree[vg].Next; node != 0; node = tree[node].Next)
        {
            if (tree.IsSection(node) || !TrailerKeys.Contains(tree.NameText(node)))
            {
                kept.Raw("\n"u8).Raw(tree.Source.Span[NameStart(tree, node)..tree[node].End]);
            }
        }
        return kept.ToArray();
    }
}
