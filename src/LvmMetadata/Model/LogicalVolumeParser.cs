using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Text;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>One volume of the <c>logical_volumes</c> section.</summary>
internal static class LogicalVolumeParser
{
    /// <returns>What lvm2 would not read either, or null.</returns>
    public static string? Parse(ParseContext context, int node, int ordinal, out LogicalVolume volume)
    {
        var tree = context.Tree;
        volume = null!;
        var name = tree.NameText(node);
        if (!tree.TryString(tree.Find(node, "id"u8), out var id) || !LvmUuid.TryParse(id, out var uuid))
        {
            return $"{context.Where(node)}: the volume's id is missing or not a uuid";
        }
        var statusEntry = tree.Find(node, "status"u8);
        if (statusEntry == 0 || !tree.TryInteger(tree.Find(node, "segment_count"u8), out var expected))
        {
            return $"{context.Where(node)}: the volume's status or segment_count is missing";
        }
        if (ParseSegments(context, node, name, expected, out var segments) is { } problem)
        {
            return problem;
        }
        long extents = 0;
        foreach (var segment in segments)
        {
            extents += segment.ExtentCount;
        }
        if (extents > uint.MaxValue || extents > long.MaxValue / context.ExtentSizeBytes)
        {
            return $"{context.Where(node)}: the volume has more extents than lvm2 can count";
        }
        var status = context.Strings(statusEntry);
        var created = tree.TryInteger(tree.Find(node, "creation_time"u8), out var seconds) && seconds is >= 0 and <= 253402300799;
        var hasHost = tree.TryString(tree.Find(node, "creation_host"u8), out var host);
        volume = new LogicalVolume(name, uuid, segments, new LogicalVolumeText(tree.Whole(node), ordinal))
        {
            SizeBytes = extents * context.ExtentSizeBytes,
            Status = status,
            Flags = context.Strings(tree.Find(node, "flags"u8)),
            Tags = context.Strings(tree.Find(node, "tags"u8)),
            CreationTime = created ? DateTimeOffset.FromUnixTimeSeconds(seconds) : null,
            CreationHost = hasHost ? context.Word(host) : null,
            EditRefusal = RefusalOf(context, node, name, status, segments),
        };
        return null;
    }

    private static string? ParseSegments(ParseContext context, int node, string name, long expected, out ImmutableArray<LvSegment> segments)
    {
        var tree = context.Tree;
        var found = ImmutableArray.CreateBuilder<LvSegment>(1);
        segments = [];
        long next = 0;
        for (var child = tree[node].FirstChild; child != 0; child = tree[child].Next)
        {
            if (!tree.IsSection(child))
            {
                continue;
            }
            if (SegmentParser.Parse(context, child, name, out var segment) is { } problem)
            {
                return problem;
            }
            if (segment.StartExtent != next)
            {
                return $"{context.Where(child)} of volume '{name}' starts at extent {segment.StartExtent} instead of {next}";
            }
            next = segment.EndExtent;
            found.Add(segment);
        }
        segments = found.DrainToImmutable();
        return segments.Length != expected || expected == 0
            ? $"{context.Where(node)}: volume '{name}' has {segments.Length} segments, its segment_count says {expected}"
            : null;
    }

    private static string? RefusalOf(
        ParseContext context, int node, string name, ImmutableArray<string> status, ImmutableArray<LvSegment> segments)
    {
        if (GroupRules.UnknownWord(status, GroupRules.LvStatusWords) is { } word)
        {
            return $"volume '{name}' has the status '{GroupRules.Short(word)}', which is not known here; change it with the tool that made it";
        }
        foreach (var segment in segments)
        {
            if (!segment.IsLinear)
            {
                return $"volume '{name}' is of type '{GroupRules.Short(segment.Type)}'; only linear volumes are changed here, use lvm2";
            }
        }
        if (!status.Contains("VISIBLE") || status.Contains("LOCKED") || status.Contains("PVMOVE"))
        {
            return $"volume '{name}' is internal to lvm2 or being moved ({string.Join(' ', status)}); use lvm2";
        }
        var tree = context.Tree;
        return tree.CountOf(node, "tags"u8) > 1 || tree.CountOf(node, "segment_count"u8) > 1
            ? $"volume '{name}' has the key tags or segment_count twice; let lvm2 rewrite the group first (vgck --updatemetadata)"
            : null;
    }
}
