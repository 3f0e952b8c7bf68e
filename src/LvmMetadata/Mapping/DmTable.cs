using System.Globalization;
using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Mapping;

/// <summary>A linear volume as device-mapper lines, and such lines read back.</summary>
public static class DmTable
{
    private const int SectorBytes = 512;

    /// <param name="device">Physical volume index to <c>major:minor</c> or path.</param>
    /// <exception cref="ArgumentException">The volume is not linear.</exception>
    public static IReadOnlyList<DmLinearTarget> For(VolumeGroup group, LogicalVolume volume, Func<int, string> device)
    {
        var targets = new List<DmLinearTarget>();
        long start = 0;
        foreach (var range in VolumeMapping.Map(group, volume))
        {
            var length = range.LengthBytes / SectorBytes;
            targets.Add(new DmLinearTarget(start, length, device(range.PvIndex), range.PvOffsetBytes / SectorBytes));
            start += length;
        }
        return targets;
    }

    /// <returns>False when a line is not a linear target, or the lines leave a gap or overlap.</returns>
    public static bool TryParse(string table, out IReadOnlyList<DmLinearTarget> targets)
    {
        var found = new List<DmLinearTarget>();
        targets = [];
        long next = 0;
        foreach (var line in table.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is not [var start, var length, "linear", var device, var offset]
                || !TrySectors(start, out var startSector) || !TrySectors(length, out var lengthSectors) || !TrySectors(offset, out var offsetSectors)
                || startSector != next || lengthSectors == 0 || lengthSectors > long.MaxValue - startSector)
            {
                return false;
            }
            found.Add(new DmLinearTarget(startSector, lengthSectors, device, offsetSectors));
            next = startSector + lengthSectors;
        }
        targets = found;
        return found.Count > 0;
    }

    private static bool TrySectors(string text, out long sectors) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out sectors);
}
