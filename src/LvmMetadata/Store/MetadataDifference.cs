using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>In what two texts of one group differ, for people.</summary>
public static class MetadataDifference
{
    /// <param name="most">So many lines at most; the last one says how many are left out.</param>
    /// <returns>Empty when both say the same, whatever their numbers and time stamps are.</returns>
    public static IReadOnlyList<string> Between(VolumeGroup newer, VolumeGroup older, int most = 20)
    {
        var lines = new List<string>();
        Keys(newer, older, lines);
        foreach (var volume in newer.LogicalVolumes)
        {
            if (older.Find(volume.Name) is not { } before)
            {
                lines.Add($"volume '{volume.Name}' ({volume.ExtentCount} extents) is missing in the older one");
            }
            else if (!volume.Text.Block.Span.SequenceEqual(before.Text.Block.Span))
            {
                lines.Add($"volume '{volume.Name}': {Change(volume, before)}");
            }
        }
        foreach (var volume in older.LogicalVolumes)
        {
            if (newer.Find(volume.Name) is null)
            {
                lines.Add($"volume '{volume.Name}' ({volume.ExtentCount} extents) is in the older one only");
            }
        }
        if (lines.Count > most)
        {
            var left = lines.Count - most + 1;
            lines.RemoveRange(most - 1, left);
            lines.Add($"and {left} more");
        }
        return lines;
    }

    private static void Keys(VolumeGroup newer, VolumeGroup older, List<string> lines)
    {
        var before = older.Interior.Skeleton.Items.ToLookup(item => item.Key);
        foreach (var item in newer.Interior.Skeleton.Items)
        {
            var same = before[item.Key].FirstOrDefault();
            if (item.Key is not ("seqno" or VolumeGroup.TripwireKey or VolumeGroupText.LogicalVolumesKey) && !item.Bytes.Span.SequenceEqual(same.Bytes.Span))
            {
                lines.Add(item.Key == "tags"
                    ? $"tags of the group: {string.Join(' ', newer.Tags)} instead of {string.Join(' ', older.Tags)}"
                    : $"key '{item.Key}' of the group {(same.Key is null ? "is new" : "says something else")}");
            }
        }
        var after = newer.Interior.Skeleton.Items.Select(item => item.Key).ToHashSet();
        lines.AddRange(older.Interior.Skeleton.Items.Where(item => !after.Contains(item.Key)).Select(item => $"key '{item.Key}' of the group is in the older one only"));
    }

    private static string Change(LogicalVolume volume, LogicalVolume before) =>
        volume.ExtentCount != before.ExtentCount ? $"{volume.ExtentCount} extents instead of {before.ExtentCount}"
        : !volume.Segments.SequenceEqual(before.Segments) ? "it lies elsewhere"
        : !volume.Tags.SequenceEqual(before.Tags) ? $"tags {string.Join(' ', volume.Tags)} instead of {string.Join(' ', before.Tags)}"
        : "it says something else";
}
