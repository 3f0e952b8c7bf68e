using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Mapping;

/// <summary>Where the bytes of a linear volume lie.</summary>
public static class VolumeMapping
{
    /// <summary>All of the volume, in order; neighbouring pieces are joined.</summary>
    /// <exception cref="ArgumentException">The volume is not linear.</exception>
    public static IReadOnlyList<PvRange> Map(VolumeGroup group, LogicalVolume volume) => Map(group, volume, 0, volume.SizeBytes);

    /// <summary>A byte range of the volume.</summary>
    /// <exception cref="ArgumentException">The volume is not linear.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie inside the volume.</exception>
    public static IReadOnlyList<PvRange> Map(VolumeGroup group, LogicalVolume volume, long offsetBytes, long lengthBytes)
    {
        if (!volume.IsLinear)
        {
            throw new ArgumentException($"volume '{volume.Name}' is not linear: where its bytes lie is not one place", nameof(volume));
        }
        if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes > volume.SizeBytes - lengthBytes)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offsetBytes), $"{lengthBytes} bytes at {offsetBytes} do not lie inside volume '{volume.Name}' of {volume.SizeBytes} bytes");
        }
        var ranges = new List<PvRange>(1);
        foreach (var segment in volume.Segments)
        {
            var segmentStart = segment.StartExtent * group.ExtentSizeBytes;
            var from = Math.Max(offsetBytes, segmentStart);
            var to = Math.Min(offsetBytes + lengthBytes, segment.EndExtent * group.ExtentSizeBytes);
            if (from >= to)
            {
                continue;
            }
            var area = segment.Areas[0];
            var place = group.PhysicalVolumes[area.PvIndex].ExtentStartBytes + (area.StartExtent * group.ExtentSizeBytes) + (from - segmentStart);
            if (ranges is [.., var last] && last.PvIndex == area.PvIndex && last.PvOffsetBytes + last.LengthBytes == place)
            {
                ranges[^1] = last with { LengthBytes = last.LengthBytes + (to - from) };
            }
            else
            {
                ranges.Add(new PvRange(area.PvIndex, place, to - from));
            }
        }
        return ranges;
    }
}
