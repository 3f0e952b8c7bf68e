using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Edit;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>What a group carries from commit to commit so that none of it is computed again.</summary>
/// <param name="Skeleton">The text without its volumes.</param>
/// <param name="ByName">Volumes by name.</param>
/// <param name="Free">Extents that nothing uses.</param>
/// <param name="BlockBytes">Sum of the lengths of all volumes' blocks.</param>
/// <param name="UncountableVolume">A volume that holds extents we cannot count, so that none may be given away; or null.</param>
internal sealed record VolumeGroupInterior(
    VolumeGroupSkeleton Skeleton, NameIndex ByName, FreeSpace Free, long BlockBytes, string? UncountableVolume)
{
    /// <summary>Uuids of all volumes; null until the first volume is made.</summary>
    public ImmutableHashSet<LvmUuid>? Ids { get; init; }
}
