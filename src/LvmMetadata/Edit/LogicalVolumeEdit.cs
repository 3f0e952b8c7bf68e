using System.Collections.Immutable;
using System.Text;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Text;

namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>Changes one volume's bytes where they must change and nowhere else, and its values to match.</summary>
internal static class LogicalVolumeEdit
{
    public static LogicalVolume WithTags(LogicalVolume volume, ImmutableArray<string> tags)
    {
        using var tree = Parse(volume, out var section);
        var entry = tree.Find(section, "tags"u8);
        var splice = new List<Splice>(1);
        if (entry == 0)
        {
            var after = tree.Find(section, "flags"u8) is var flags and not 0 ? flags : tree.Find(section, "status"u8);
            splice.Add(new Splice(tree[after].End, tree[after].End, new ConfigWriter().Raw("\ntags = "u8).QuotedList(tags).ToArray()));
        }
        else if (tags.IsEmpty)
        {
            splice.Add(new Splice(tree[entry].Lead, tree[entry].End, []));
        }
        else
        {
            splice.Add(new Splice(tree[entry].Body, tree[entry].End, new ConfigWriter().QuotedList(tags).ToArray()));
        }
        return Make(volume, volume.Segments, tags, Splice.Apply(volume.Text.Block, splice), volume.SizeBytes);
    }

    /// <summary>Says WRITE in the words of a group with a system id, or of one without; a volume that nobody may write stays so.</summary>
    public static LogicalVolume WithWriteLocked(LogicalVolume volume, bool locked)
    {
        var (status, flags) = WriteLock.Of(volume.Status, volume.Flags, locked);
        if (status == volume.Status && flags == volume.Flags)
        {
            return volume;
        }
        using var tree = Parse(volume, out var section);
        var (statusAt, flagsAt) = (tree.Find(section, "status"u8), tree.Find(section, "flags"u8));
        var splices = new List<Splice> { new(tree[statusAt].Body, tree[statusAt].End, new ConfigWriter().QuotedList(status).ToArray()) };
        splices.Add(flagsAt == 0
            ? new Splice(tree[statusAt].End, tree[statusAt].End, new ConfigWriter().Raw("\nflags = "u8).QuotedList(flags).ToArray())
            : new Splice(tree[flagsAt].Body, tree[flagsAt].End, new ConfigWriter().QuotedList(flags).ToArray()));
        splices.Sort(static (a, b) => a.Start.CompareTo(b.Start));
        return new LogicalVolume(volume.Name, volume.Uuid, volume.Segments, volume.Text with { Block = Splice.Apply(volume.Text.Block, splices) })
        {
            SizeBytes = volume.SizeBytes,
            Tags = volume.Tags,
            Status = status,
            Flags = flags,
            CreationTime = volume.CreationTime,
            CreationHost = volume.CreationHost,
            EditRefusal = volume.EditRefusal,
        };
    }

    /// <summary>Adds the runs behind the last extent; a run that lies right behind the last segment lengthens it, as lvm2 does.</summary>
    public static LogicalVolume Grown(LogicalVolume volume, List<ExtentRun> runs, ImmutableArray<PhysicalVolume> pvs, long extentBytes)
    {
        using var tree = Parse(volume, out var section);
        var segments = volume.Segments.ToBuilder();
        var splices = new List<Splice>(3);
        var last = LastSection(tree, section);
        var added = new ConfigWriter();
        var names = segments.Count;
        for (var i = 0; i < runs.Count; i++)
        {
            var run = runs[i];
            var tail = segments[^1];
            if (i == 0 && tail.Areas[0].PvIndex == run.PvIndex && tail.Areas[0].StartExtent + tail.ExtentCount == run.Start)
            {
                segments[^1] = tail with { ExtentCount = tail.ExtentCount + run.Length };
                splices.Add(NumberAt(tree, last, "extent_count"u8, segments[^1].ExtentCount));
                continue;
            }
            var segment = NewSegment(tail.EndExtent, run, pvs);
            segments.Add(segment);
            do
            {
                names++;
            }
            while (tree.Find(section, Encoding.ASCII.GetBytes($"segment{names}")) != 0);
            LinearText.AppendSegment(added.Raw("\n"u8), names, segment);
        }
        if (segments.Count != volume.Segments.Length)
        {
            splices.Add(NumberAt(tree, section, "segment_count"u8, segments.Count));
            splices.Add(new Splice(tree[last].End, tree[last].End, added.ToArray()));
        }
        splices.Sort(static (a, b) => a.Start.CompareTo(b.Start));
        var grown = segments.ToImmutable();
        return Make(volume, grown, volume.Tags, Splice.Apply(volume.Text.Block, splices), grown[^1].EndExtent * extentBytes);
    }

    /// <summary>Cuts from the end: whole segments first, then the last one becomes shorter.</summary>
    public static LogicalVolume Cut(LogicalVolume volume, long extents, long extentBytes)
    {
        using var tree = Parse(volume, out var section);
        var kept = volume.Segments.Where(segment => segment.StartExtent < extents).ToList();
        var splices = new List<Splice>(3);
        var index = 0;
        for (var node = tree[section].FirstChild; node != 0; node = tree[node].Next)
        {
            if (!tree.IsSection(node))
            {
                continue;
            }
            if (++index == kept.Count && kept[^1].EndExtent > extents)
            {
                kept[^1] = kept[^1] with { ExtentCount = extents - kept[^1].StartExtent };
                splices.Add(NumberAt(tree, node, "extent_count"u8, kept[^1].ExtentCount));
            }
            else if (index > kept.Count)
            {
                splices.Add(new Splice(tree[node].Lead, tree[node].End, []));
            }
        }
        if (kept.Count != volume.Segments.Length)
        {
            splices.Add(NumberAt(tree, section, "segment_count"u8, kept.Count));
        }
        splices.Sort(static (a, b) => a.Start.CompareTo(b.Start));
        return Make(volume, [.. kept], volume.Tags, Splice.Apply(volume.Text.Block, splices), extents * extentBytes);
    }

    public static LvSegment NewSegment(long startExtent, ExtentRun run, ImmutableArray<PhysicalVolume> pvs) =>
        new(startExtent, run.Length, "striped", 1, 0, [new SegmentArea(run.PvIndex, pvs[run.PvIndex].SectionName, run.Start)]);

    private static LogicalVolume Make(
        LogicalVolume volume, ImmutableArray<LvSegment> segments, ImmutableArray<string> tags, ReadOnlyMemory<byte> block, long sizeBytes) =>
        new(volume.Name, volume.Uuid, segments, volume.Text with { Block = block })
        {
            SizeBytes = sizeBytes,
            Tags = tags,
            Status = volume.Status,
            Flags = volume.Flags,
            CreationTime = volume.CreationTime,
            CreationHost = volume.CreationHost,
            EditRefusal = volume.EditRefusal,
        };

    private static Splice NumberAt(ConfigTree tree, int section, ReadOnlySpan<byte> key, long value)
    {
        var entry = tree.Find(section, key);
        return new Splice(tree[entry].Body, tree[entry].End, new ConfigWriter().Number(value).ToArray());
    }

    private static int LastSection(ConfigTree tree, int section)
    {
        var last = 0;
        for (var node = tree[section].FirstChild; node != 0; node = tree[node].Next)
        {
            last = tree.IsSection(node) ? node : last;
        }
        return last;
    }

    private static ConfigTree Parse(LogicalVolume volume, out int section)
    {
        // The block came out of a parsed text or of our own writer: it cannot fail.
        if (ConfigTree.TryParse(volume.Text.Block, out var tree) is { } error)
        {
            throw new InvalidOperationException($"the kept bytes of volume '{volume.Name}' do not parse: {error}");
        }
        section = LastSection(tree!, ConfigTree.Root);
        return tree!;
    }
}
