using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Text;

namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>Stamps the few keys of the group that a commit changes.</summary>
internal static class SkeletonEdit
{
    /// <param name="epoch">Null: the text is not to look like one of ours.</param>
    public static VolumeGroupSkeleton Stamp(VolumeGroupSkeleton skeleton, uint seqno, ImmutableArray<string>? tags, ulong? epoch, byte[] trailer)
    {
        var items = skeleton.Items.ToBuilder();
        Set(items, "seqno", "id", new ConfigWriter().Raw("seqno = "u8).Number(seqno));
        if (tags is { IsEmpty: true })
        {
            var index = IndexOf(items, "tags");
            if (index >= 0)
            {
                items.RemoveAt(index);
            }
        }
        else if (tags is { } changed)
        {
            Set(items, "tags", IndexOf(items, "flags") >= 0 ? "flags" : "status", new ConfigWriter().Raw("tags = "u8).QuotedList(changed));
        }
        if (epoch is { } stamp)
        {
            // Beside the keys, before the sections: newer lvm2 scans only up to the end of physical_volumes.
            var after = IndexOf(items, "metadata_copies") >= 0 ? "metadata_copies" : "extent_size";
            Set(items, VolumeGroup.TripwireKey, after, new ConfigWriter().Raw("spm_epoch = "u8).Number((long)stamp));
        }
        else if (IndexOf(items, VolumeGroup.TripwireKey) is var tripwire and >= 0)
        {
            items.RemoveAt(tripwire);
        }
        return skeleton with { Items = items.ToImmutable(), Trailer = trailer };
    }

    /// <summary>More physical volumes, behind those that are there.</summary>
    public static VolumeGroupSkeleton Add(VolumeGroupSkeleton skeleton, ImmutableArray<PhysicalVolume> added)
    {
        if (added.IsEmpty)
        {
            return skeleton;
        }
        var items = skeleton.Items.ToBuilder();
        var index = IndexOf(items, "physical_volumes");
        var text = new ConfigWriter();
        foreach (var pv in added)
        {
            PhysicalVolumeText.Append(text.Raw(text.Written.IsEmpty ? ""u8 : "\n"u8), pv);
        }
        // Before the section's own brace, on lines of its own: what stands there may be a comment.
        var there = items[index].Bytes;
        items[index] = items[index] with { Bytes = (byte[])[.. there.Span[..^1], .. text.Written, .. "\n}"u8] };
        return skeleton with { Items = items.ToImmutable() };
    }

    /// <summary>Physical volumes that became larger: two numbers of each, nothing else.</summary>
    public static VolumeGroupSkeleton Grow(VolumeGroupSkeleton skeleton, ImmutableArray<PhysicalVolume> before, ImmutableArray<PhysicalVolume> after)
    {
        var grown = before.Where(pv => after[pv.Index].ExtentCount != pv.ExtentCount).Select(pv => after[pv.Index]).ToList();
        if (grown.Count == 0)
        {
            return skeleton;
        }
        var items = skeleton.Items.ToBuilder();
        var index = IndexOf(items, "physical_volumes");
        if (ConfigTree.TryParse(items[index].Bytes, out var parsed) is not null)
        {
            throw new InvalidOperationException("a text that was parsed does not parse any more");
        }
        using var tree = parsed!;
        var section = tree.Find(ConfigTree.Root, "physical_volumes"u8);
        var splices = new List<Splice>();
        foreach (var pv in grown)
        {
            var own = tree.Find(section, System.Text.Encoding.UTF8.GetBytes(pv.SectionName));
            splices.Add(Number(tree, tree.Find(own, "dev_size"u8), pv.DeviceSizeBytes!.Value / 512));
            splices.Add(Number(tree, tree.Find(own, "pe_count"u8), pv.ExtentCount));
        }
        splices.Sort(static (a, b) => a.Start.CompareTo(b.Start));
        items[index] = items[index] with { Bytes = Splice.Apply(items[index].Bytes, splices) };
        return skeleton with { Items = items.ToImmutable() };
    }

    private static Splice Number(ConfigTree tree, int entry, long value) => new(tree[entry].Body, tree[entry].End, new ConfigWriter().Number(value).ToArray());

    private static void Set(ImmutableArray<SkeletonItem>.Builder items, string key, string after, ConfigWriter statement)
    {
        var index = IndexOf(items, key);
        if (index >= 0)
        {
            items[index] = items[index].Saying(statement.Written);
        }
        else
        {
            items.Insert(IndexOf(items, after) + 1, SkeletonItem.OnNewLine(key, statement.Written));
        }
    }

    private static int IndexOf(ImmutableArray<SkeletonItem>.Builder items, string key)
    {
        for (var i = 0; i < items.Count; i++)
        {
            if (items[i].Key == key)
            {
                return i;
            }
        }
        return -1;
    }
}
