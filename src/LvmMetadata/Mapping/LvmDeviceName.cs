using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Mapping;

/// <summary>How LVM names a volume's map in the kernel, so that its commands take it for their own.</summary>
public static class LvmDeviceName
{
    private const string Prefix = "LVM-";

    /// <summary>Hyphens of either name are doubled; the single one is between them. What follows a second single one is a layer of LVM's.</summary>
    public static string Of(string group, string volume) => $"{group.Replace("-", "--")}-{volume.Replace("-", "--")}";

    /// <summary>"LVM-", the group's 32 characters, the volume's 32.</summary>
    public static string UuidOf(LvmUuid group, LvmUuid volume) => UuidsOf(group) + Plain(volume);

    /// <summary>What the uuids of all maps of a group begin with.</summary>
    public static string UuidsOf(LvmUuid group) => Prefix + Plain(group);

    /// <summary>Does a map with this uuid belong to a volume of the group?</summary>
    /// <param name="volume">Which.</param>
    /// <returns>False also for a layer of a volume ("-real", "-tpool"): no volume of ours has any.</returns>
    public static bool TryParse(string uuid, LvmUuid group, out LvmUuid volume)
    {
        volume = default;
        return uuid.Length == Prefix.Length + (2 * LvmUuid.Length)
            && uuid.StartsWith(Prefix + Plain(group), StringComparison.Ordinal)
            && LvmUuid.TryParse(uuid.AsSpan(Prefix.Length + LvmUuid.Length), out volume);
    }

    private static string Plain(LvmUuid uuid) => uuid.ToString().Replace("-", "");
}
