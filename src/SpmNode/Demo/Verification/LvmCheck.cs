using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Demo.Verification;

/// <summary>Stock lvm2 confirms the volume group: consistent, and holding what the pool says it holds.</summary>
static class LvmCheck
{
    public static VerifiedFact Group(ToolOutcome vgck, string group)
    {
        var complaints = Lvm.Complaints(vgck);
        return vgck.IsMissing ? Missing("vgck")
            : vgck.ExitCode == 0 && complaints.Length == 0 && vgck.Output.Trim().Length == 0
                ? new("vgck", $"volume group {group} is consistent", true)
                : new("vgck", $"volume group {group}: exit code {vgck.ExitCode}: {vgck.Excerpt}", false);
    }

    /// <param name="volumes">What the pool says.</param>
    /// <param name="epoch">The highest epoch any node led with.</param>
    public static VerifiedFact Volumes(LvmReport report, IReadOnlyList<VolumeReply> volumes, ulong epoch)
    {
        var wrong = volumes.SelectMany(volume => Contradictions(report, volume)).ToList();
        if (!report.GroupTags.Contains($"SPM_EPOCH={epoch}"))
        {
            wrong.Add($"the volume group's tags do not name epoch {epoch}: {string.Join(' ', report.GroupTags)}");
        }
        if (report.Complaints.Length > 0)
        {
            wrong.Add($"it said: {report.Complaints}");
        }
        return wrong.Count > 0
            ? new("lvs", string.Join("; ", wrong), false)
            : new("lvs", $"sizes and tags of {volumes.Count} volumes and epoch {epoch} are as the pool says", true);
    }

    public static VerifiedFact Missing(string tool) => new(tool, $"not verified: {tool} is missing, install lvm2", false);

    static IEnumerable<string> Contradictions(LvmReport report, VolumeReply volume)
    {
        if (!report.Volumes.TryGetValue(volume.Volume, out var found))
        {
            yield return $"volume {volume.Volume} is not there";
            yield break;
        }
        if (found.SizeBytes != volume.AllocatedBytes)
        {
            yield return $"volume {volume.Volume} has {found.SizeBytes} bytes, the pool says {volume.AllocatedBytes}";
        }
        string[] expected = [$"IU_{volume.Image}", $"MD_{volume.Slot}", $"PU_{Guid.Empty}"];
        if (!expected.ToHashSet().SetEquals(found.Tags))
        {
            yield return $"volume {volume.Volume} has the tags {string.Join(' ', found.Tags)} instead of {string.Join(' ', expected)}";
        }
    }
}
