using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>Which of the copies that were read is the group.</summary>
internal static class CopyChoice
{
    /// <summary>R5: highest (epoch, seqno) over all copies. Marks the others in <paramref name="reports"/>.</summary>
    /// <returns>Null when there is none, or when the newest cannot be told.</returns>
    public static VolumeGroup? Choose(List<VolumeGroup?> groups, List<CopyReport> reports, List<string> problems)
    {
        var best = groups.MaxBy(group => group?.Version);
        if (best is null)
        {
            problems.Add(reports.Count == 0
                ? "no metadata area was found"
                : "no metadata copy can be believed: " + string.Join("; ", reports.Select(report => report.Describe())));
            return null;
        }
        var ambiguous = false;
        var newest = reports[groups.IndexOf(best)].Text;
        for (var i = 0; i < groups.Count; i++)
        {
            if (groups[i] is not { } group)
            {
                if (reports[i].State is CopyState.BadHeader or CopyState.BadText)
                {
                    problems.Add(reports[i].Describe());
                }
                continue;
            }
            if (group.Uuid != best.Uuid)
            {
                problems.Add($"{reports[i].PvName} belongs to volume group '{group.Name}' ({group.Uuid}), not to '{best.Name}' ({best.Uuid}); give the devices of one group");
                ambiguous = true;
            }
            else if (group.Version < best.Version)
            {
                reports[i] = reports[i] with { State = new CopyState.Stale(group.Version) };
                problems.Add(reports[i].Describe());
            }
            else if (!reports[i].Text.Span.SequenceEqual(newest.Span))
            {
                // Two writers wrote the same number: one of the two contents was never acknowledged, and nothing says which.
                reports[i] = reports[i] with { State = new CopyState.BadText($"another content under the same {group.Version}") };
                problems.Add(reports[i].Describe() + "; compare both copies and rewrite the wrong one");
                ambiguous = true;
            }
        }
        return ambiguous ? null : best;
    }
}
