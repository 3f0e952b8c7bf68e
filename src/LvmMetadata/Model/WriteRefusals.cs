using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Text;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>Groups that can be read but must not be written: what lvm2 would refuse to write, or could not read back.</summary>
internal static class WriteRefusals
{
    /// <returns>Why, and what to do; null when the group may be written.</returns>
    public static string? Of(
        ConfigTree tree, int vg, VolumeGroupSkeleton skeleton, string name, ParseContext context, ImmutableArray<LogicalVolume> volumes)
    {
        var status = context.Strings(tree.Find(vg, "status"u8));
        var flags = context.Strings(tree.Find(vg, "flags"u8));
        _ = tree.TryString(tree.Find(vg, "lock_type"u8), out var lockType);
        if (GroupRules.UnknownWord(status, GroupRules.VgStatusWords) is { } word)
        {
            return $"the group has the status '{GroupRules.Short(word)}', which is not known here: it was written by a newer tool, use that one";
        }
        if (status.Contains("EXPORTED") || (!status.Contains("WRITE") && !flags.Contains("WRITE_LOCKED")))
        {
            return "the group is exported or read-only; undo that first (vgimport, vgchange)";
        }
        if (status.Contains("CLUSTERED") || status.Contains("SHARED") || lockType is not ("" or "none"))
        {
            return $"the group's changes are guarded by another lock manager (lock_type '{GroupRules.Short(lockType)}'); it cannot be ours as well";
        }
        foreach (var key in (ReadOnlySpan<string>)["id", "seqno", "status", "tags", "flags", "system_id", VolumeGroup.TripwireKey])
        {
            if (tree.CountOf(vg, System.Text.Encoding.ASCII.GetBytes(key)) > 1)
            {
                return $"the group has the key '{key}' twice; let lvm2 rewrite it first (vgck --updatemetadata)";
            }
        }
        if ((SectionProblem(tree, vg, "physical_volumes") ?? SectionProblem(tree, vg, "logical_volumes")) is { } sections)
        {
            return sections;
        }
        foreach (var pv in context.PhysicalVolumes)
        {
            if (GroupRules.UnknownWord(pv.Status, GroupRules.PvStatusWords) is { } pvWord)
            {
                return $"physical volume {pv.SectionName} has the status '{GroupRules.Short(pvWord)}', which is not known here; use a newer tool";
            }
            if (GroupRules.NameProblem(pv.SectionName) is { } badName)
            {
                return $"a physical volume: {badName}";
            }
            if (pv.IsMissing)
            {
                return $"physical volume {pv.SectionName} ({pv.Uuid}) is marked missing; restore or remove it first (vgextend --restoremissing, vgreduce)";
            }
        }
        if (context.PhysicalVolumes.Select(pv => pv.Uuid).Distinct().Count() != context.PhysicalVolumes.Length)
        {
            return "two physical volumes have the same uuid";
        }
        return NamesAndTags(name, context.Strings(tree.Find(vg, "tags"u8)), volumes) ?? Shape(skeleton);
    }

    /// <summary>lvm2 2.03.16 reads two sections as one, and none beside a key of the name: what it wrote back could be a group without volumes.</summary>
    private static string? SectionProblem(ConfigTree tree, int vg, string name)
    {
        var ascii = System.Text.Encoding.ASCII.GetBytes(name);
        var problem = tree.CountOf(vg, ascii) switch
        {
            > 1 => "stands there twice",
            1 when tree.FindSection(vg, ascii) == 0 => "is not a section",
            _ => null,
        };
        return problem is null ? null : $"the group's '{name}' {problem}; restore the group from a backup (vgcfgrestore), and let no tool rewrite it before";
    }

    /// <summary>Checks that lvm2 makes when it writes and not when it reads.</summary>
    private static string? NamesAndTags(string group, ImmutableArray<string> tags, ImmutableArray<LogicalVolume> volumes)
    {
        if ((GroupRules.NameProblem(group) ?? FirstTagProblem(tags)) is { } problem)
        {
            return problem;
        }
        var ids = new HashSet<LvmUuid>(volumes.Length);
        var checkedTags = default(ImmutableArray<string>);
        foreach (var volume in volumes)
        {
            if ((GroupRules.NameProblem(volume.Name) ?? GroupRules.PairProblem(group, volume.Name)) is { } nameProblem)
            {
                return nameProblem;
            }
            if (!ids.Add(volume.Uuid))
            {
                return $"volume '{volume.Name}' has the uuid of another volume: {volume.Uuid}";
            }
            if (volume.Tags != checkedTags && FirstTagProblem(volume.Tags) is { } tagProblem)
            {
                return $"volume '{volume.Name}': {tagProblem}";
            }
            checkedTags = volume.Tags;
        }
        return null;
    }

    private static string? FirstTagProblem(ImmutableArray<string> tags)
    {
        foreach (var tag in tags)
        {
            if (GroupRules.TagProblem(tag) is { } problem)
            {
                return problem;
            }
        }
        return null;
    }

    /// <summary>lvm2 from 2.03.28 on jumps to the last brace that stands alone on a line: it must be the group's.</summary>
    private static string? Shape(VolumeGroupSkeleton skeleton) =>
        !skeleton.Close.Span.EndsWith("\n}"u8) || !skeleton.Trailer.Span.StartsWith("\n"u8) || skeleton.Trailer.Span.IndexOf("\n}\n"u8) >= 0
            ? "the group's closing brace does not stand alone on its line, or is not the last one: newer lvm2 could not read it"
            : null;
}
