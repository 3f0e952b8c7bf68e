namespace OvirtSpm.Node.Activation.Mapped.Tail;

/// <summary>Tables of the maps above a volume's own. They name that map and each other, never a device of the pool: where bytes lie is decided in one place.</summary>
internal static class TailTable
{
    public const long SectorBytes = 512;

    /// <param name="volume">Number of the volume's own map.</param>
    /// <param name="gate">What takes requests behind <paramref name="endBytes"/>; null: the device ends there.</param>
    public static IReadOnlyList<MapTarget> Guest(string volume, long endBytes, string? gate, long sizeBytes) => gate is null
        ? [Linear(0, endBytes, volume, 0)]
        : [Linear(0, endBytes, volume, 0), Linear(endBytes, sizeBytes - endBytes, gate, 0)];

    public static IReadOnlyList<MapTarget> Gate(string hold, long lengthBytes) => [Linear(0, lengthBytes, hold, 0)];

    /// <summary>R14: of a map that is suspended. One of a device would let every flush of the guest wait; this one takes none.</summary>
    public static IReadOnlyList<MapTarget> Nothing(long lengthBytes) => [new MapTarget(0, lengthBytes / SectorBytes, "error", "")];

    /// <summary>What waits goes on into the volume, and behind that into the next gate.</summary>
    /// <param name="gate">Null: every request there fails.</param>
    public static IReadOnlyList<MapTarget> Passing(string volume, long startBytes, long endBytes, string? gate, long sizeBytes)
    {
        var first = Linear(0, endBytes - startBytes, volume, startBytes);
        var (at, rest) = (endBytes - startBytes, sizeBytes - endBytes);
        return rest == 0 ? [first] : [first, gate is null ? new MapTarget(at / SectorBytes, rest / SectorBytes, "error", "") : Linear(at, rest, gate, 0)];
    }

    /// <summary>The device that a line of it leads to; null when it leads nowhere.</summary>
    public static string? DeviceOf(MapTarget target) => target.Type == "linear" ? target.Parameters.Split(' ')[0] : null;

    private static MapTarget Linear(long startBytes, long lengthBytes, string device, long offsetBytes) =>
        new(startBytes / SectorBytes, lengthBytes / SectorBytes, "linear", $"{device} {offsetBytes / SectorBytes}");
}
