using System.Globalization;

namespace OvirtSpm.Node.Activation.Mapped.Tail;

/// <summary>Names of the maps above a volume's own. Written as LVM writes the layers of its volumes: lvm2 and udev's rules for it then leave them alone.</summary>
internal static class TailLayers
{
    /// <summary>In the uuid and the name of every hold, before its number.</summary>
    public const string Hold = "-spmhold";

    private const string Guest = "-spm", Gate = "-spmgate";

    /// <summary>What guests open: the volume's map, and what is held behind its end.</summary>
    public static MapIdentity GuestOf(MapIdentity volume) => Layer(volume, Guest);

    /// <summary>Above a hold, so that what waits there can be counted.</summary>
    public static MapIdentity GateOf(MapIdentity volume, int number) => Layer(volume, string.Create(CultureInfo.InvariantCulture, $"{Gate}{number}"));

    /// <summary>Where a write behind the end waits.</summary>
    public static MapIdentity HoldOf(MapIdentity volume, int number) => Layer(volume, string.Create(CultureInfo.InvariantCulture, $"{Hold}{number}"));

    /// <summary>Is it a layer of any volume?</summary>
    public static bool IsOne(string uuid) => uuid.StartsWith("LVM-", StringComparison.Ordinal) && uuid.Contains(Guest, StringComparison.Ordinal);

    public static bool IsOf(string volumeUuid, string uuid) => uuid.StartsWith(volumeUuid + Guest, StringComparison.Ordinal);

    public static bool IsGuest(string uuid) => uuid.EndsWith(Guest, StringComparison.Ordinal);

    public static bool IsHold(string uuid) => uuid.Contains(Hold, StringComparison.Ordinal);

    /// <summary>Of a gate or a hold.</summary>
    public static int NumberOf(string uuid) =>
        int.TryParse(uuid[(uuid.LastIndexOf('-') + Gate.Length)..], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

    private static MapIdentity Layer(MapIdentity volume, string suffix) => volume with { Uuid = volume.Uuid + suffix, Name = volume.Name + suffix };
}
