namespace OvirtSpm.Node.Activation.Mapped;

/// <summary>Tables of linear maps, and how one relates to another.</summary>
internal static class MapTable
{
    private const int SectorBytes = 512;

    /// <exception cref="Refusal">A device is a file: the kernel maps block devices only.</exception>
    public static IReadOnlyList<MapTarget> Of(SegmentTable table)
    {
        var targets = new List<MapTarget>(table.Segments.Count);
        long start = 0;
        foreach (var (device, offset, length) in table.Segments)
        {
            var number = device.Number
                ?? throw Refusal.Conflict($"{device.Name} is a file: device-mapper maps block devices. Start the node with --activation nbd, or on a block device.");
            targets.Add(new MapTarget(start, length / SectorBytes, "linear", $"{number} {offset / SectorBytes}"));
            start += length / SectorBytes;
        }
        return targets;
    }

    /// <summary>Every sector fails.</summary>
    public static IReadOnlyList<MapTarget> Error(IReadOnlyList<MapTarget> live) => [new MapTarget(0, Math.Max(1, live.Sum(target => target.LengthSectors)), "error", "")];

    /// <summary>R12: does every sector that is live lie at the same place in <paramref name="next"/>?</summary>
    public static bool IsPrefix(IReadOnlyList<MapTarget> live, IReadOnlyList<MapTarget> next)
    {
        if (Joined(live) is not { } now || Joined(next) is not { } then || now.Count > then.Count)
        {
            return false;
        }
        for (var i = 0; i < now.Count; i++)
        {
            var isLast = i == now.Count - 1;
            if (now[i].Device != then[i].Device || now[i].Offset != then[i].Offset || (isLast ? now[i].Length > then[i].Length : now[i].Length != then[i].Length))
            {
                return false;
            }
        }
        return true;
    }

    public static bool IsSame(IReadOnlyList<MapTarget> one, IReadOnlyList<MapTarget> other) => IsPrefix(one, other) && IsPrefix(other, one);

    /// <summary>LVM has a line for each of its segments, we one for each piece of a device.</summary>
    /// <returns>Null when a line is not linear, or not where the one before it ends.</returns>
    private static List<(string Device, long Offset, long Length)>? Joined(IReadOnlyList<MapTarget> table)
    {
        var pieces = new List<(string Device, long Offset, long Length)>();
        long next = 0;
        foreach (var target in table)
        {
            if (target.Type != "linear" || target.StartSector != next || target.Parameters.Split(' ') is not [var device, var text] || !long.TryParse(text, out var offset))
            {
                return null;
            }
            next += target.LengthSectors;
            if (pieces is [.., var last] && last.Device == device && last.Offset + last.Length == offset)
            {
                pieces[^1] = last with { Length = last.Length + target.LengthSectors };
            }
            else
            {
                pieces.Add((device, offset, target.LengthSectors));
            }
        }
        return pieces;
    }
}
