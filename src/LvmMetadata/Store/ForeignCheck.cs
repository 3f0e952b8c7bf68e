using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>R22: may a text that somebody else wrote be taken over?</summary>
public static class ForeignCheck
{
    /// <summary>Every acknowledged segment must still be there, at the same place.</summary>
    /// <returns>What is lost, for people; null when nothing is.</returns>
    public static string? AcknowledgedSegmentsKept(VolumeGroup acknowledged, VolumeGroup found)
    {
        foreach (var volume in acknowledged.LogicalVolumes)
        {
            var other = found.Find(volume.Name) is { } same && same.Uuid == volume.Uuid
                ? same
                : found.LogicalVolumes.FirstOrDefault(candidate => candidate.Uuid == volume.Uuid);
            if (other is null)
            {
                return $"volume '{volume.Name}' ({volume.Uuid}) is gone";
            }
            if (!volume.IsLinear)
            {
                if (!volume.Text.Block.Span.SequenceEqual(other.Text.Block.Span))
                {
                    return $"volume '{volume.Name}' of type '{volume.Segments[0].Type}' was changed";
                }
                continue;
            }
            if (!IsPrefix(acknowledged, volume, found, other))
            {
                return $"volume '{volume.Name}' has lost or moved extents that were acknowledged";
            }
        }
        return null;
    }

    private static bool IsPrefix(VolumeGroup acknowledged, LogicalVolume volume, VolumeGroup found, LogicalVolume other)
    {
        var index = 0;
        foreach (var segment in volume.Segments)
        {
            // lvm2 joins neighbouring segments: compare place by place, not segment by segment.
            for (var at = segment.StartExtent; at < segment.EndExtent;)
            {
                while (index < other.Segments.Length && other.Segments[index].EndExtent <= at)
                {
                    index++;
                }
                if (index == other.Segments.Length || !other.Segments[index].IsLinear)
                {
                    return false;
                }
                var there = other.Segments[index];
                if (acknowledged.PhysicalVolumes[segment.Areas[0].PvIndex].Uuid != found.PhysicalVolumes[there.Areas[0].PvIndex].Uuid
                    || segment.Areas[0].StartExtent + (at - segment.StartExtent) != there.Areas[0].StartExtent + (at - there.StartExtent))
                {
                    return false;
                }
                at = Math.Min(segment.EndExtent, there.EndExtent);
            }
        }
        return true;
    }
}
