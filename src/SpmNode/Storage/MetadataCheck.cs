using OvirtSpm.LvmMetadata;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;

namespace OvirtSpm.Node.Storage;

/// <summary>What <c>vgck</c> and <c>pvck</c> look at, natively: labels, headers, checksums, every copy's text, what the group says of itself and its devices.</summary>
static class MetadataCheck
{
    /// <param name="pvs">All devices of one group; a storage domain or any other.</param>
    public static async Task<CheckReport> RunAsync(IReadOnlyList<IPvArea> pvs)
    {
        var read = await MetadataReader.ReadAsync(pvs);
        var findings = new List<Finding>();
        for (var i = 0; i < pvs.Count; i++)
        {
            findings.Add(read.Labels[i] is { } label
                ? new(true, pvs[i].Name, $"physical volume {label.PvUuid}, {label.DeviceSizeBytes} bytes, {label.MetadataAreas.Length} metadata areas")
                : new(false, pvs[i].Name, "no label that can be believed"));
        }
        // Where nobody can tell which copy is right, they are still compared with each other.
        var reference = read.Group ?? read.Copies.Select(Parsed).FirstOrDefault(group => group is not null);
        foreach (var copy in read.Copies)
        {
            findings.Add(new(copy.State is CopyState.Current or CopyState.Ignored, $"{copy.PvName}, metadata area at byte {copy.AreaOffsetBytes}", Said(copy)));
            if (reference is not null && copy.State is not CopyState.Current && Parsed(copy) is { } other)
            {
                findings.AddRange(MetadataDifference.Between(reference, other).Select(line => new Finding(false, $"{copy.PvName}, difference", line)));
            }
        }
        foreach (var text in read.RingTexts)
        {
            findings.Add(new(true, text.PvName, $"a text of '{text.GroupName}' with seqno {text.Seqno} lies at byte {text.OffsetBytes}, and no header names it"));
        }
        if (read.Problem is { } problem)
        {
            findings.Add(new(false, "metadata", problem));
        }
        if (read.Group is { } group)
        {
            Group(group, findings);
        }
        return new CheckReport(findings.All(finding => finding.Ok), findings);
    }

    static void Group(VolumeGroup group, List<Finding> findings)
    {
        findings.Add(new(true, "group", $"{group.Name} ({group.Uuid}): epoch {group.Epoch?.ToString() ?? "none"}, seqno {group.Seqno}, {group.LogicalVolumes.Length} volumes, {group.FreeExtents} of {group.TotalExtents} extents free"));
        if (group.WriteRefusal is { } refusal)
        {
            findings.Add(new(false, "group", refusal));
        }
        foreach (var volume in group.LogicalVolumes.Where(volume => volume.EditRefusal is not null))
        {
            findings.Add(new(true, "volume", $"{volume.Name} is kept as it is: {volume.EditRefusal}"));
        }
    }

    static VolumeGroup? Parsed(CopyReport copy) => copy.Text.Length > 0 && VolumeGroup.TryParse(copy.Text, out var group) is null ? group : null;

    static string Said(CopyReport copy) => copy is { Location: { } location, Version: { } version }
        ? $"{copy.State.Describe()}: epoch {version.Epoch}, seqno {version.Seqno}, {location}"
        : copy.State.Describe();
}
