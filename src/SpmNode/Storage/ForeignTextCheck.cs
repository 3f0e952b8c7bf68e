using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Storage;

/// <summary>R22: may a text that another program wrote be gone on with? Every acknowledged extent is still there, and every slot is still its volume's.</summary>
static class ForeignTextCheck
{
    /// <returns>What is lost, for people; null when nothing is.</returns>
    public static string? Lost(VolumeGroup acknowledged, VolumeGroup found) =>
        ForeignCheck.AcknowledgedSegmentsKept(acknowledged, found) ?? SlotsKept(acknowledged, found);

    /// <remarks>
    /// R10: the activation maps know a volume by its slot alone. Under another number it looks unused while a guest writes it, and its
    /// extents, or the slot it had, are given to somebody else.
    /// </remarks>
    static string? SlotsKept(VolumeGroup acknowledged, VolumeGroup found)
    {
        var now = found.LogicalVolumes.ToDictionary(volume => volume.Uuid, SlotTags);
        foreach (var volume in acknowledged.LogicalVolumes)
        {
            var before = SlotTags(volume);
            if (before.Length > 0 && now.GetValueOrDefault(volume.Uuid, "") is var after && after != before)
            {
                return $"volume '{volume.Name}' had the slot tag {before}, and has {(after.Length > 0 ? after : "none")} now";
            }
        }
        return null;
    }

    static string SlotTags(LogicalVolume volume) =>
        string.Join(' ', volume.Tags.Where(tag => tag.StartsWith(VolumeTags.SlotPrefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal));
}
