using System.Collections.Immutable;
using System.Globalization;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>The tag that carries the writer's epoch.</summary>
internal static class EpochTag
{
    public static string For(ulong epoch) => VolumeGroup.EpochTagPrefix + epoch.ToString(CultureInfo.InvariantCulture);

    public static bool Is(string tag) => tag.StartsWith(VolumeGroup.EpochTagPrefix, StringComparison.Ordinal);

    /// <returns>The highest one; null when there is none.</returns>
    /// <param name="problem">Why no writer may trust it; null when it may.</param>
    public static ulong? Read(ImmutableArray<string> tags, out string? problem)
    {
        ulong? epoch = null;
        problem = null;
        foreach (var tag in tags)
        {
            if (!Is(tag))
            {
                continue;
            }
            // Kept below 2^63: the tripwire key is a signed number to lvm2.
            if (!ulong.TryParse(tag.AsSpan(VolumeGroup.EpochTagPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var value)
                || value > long.MaxValue)
            {
                problem = $"the tag '{GroupRules.Short(tag)}' is not an epoch: who wrote last cannot be told; correct it with vgchange --deltag";
                continue;
            }
            epoch = epoch is { } other && other > value ? other : value;
        }
        return epoch;
    }
}
