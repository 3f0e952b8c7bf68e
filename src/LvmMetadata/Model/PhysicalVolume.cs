using System.Collections.Immutable;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>One physical volume as the group's text describes it.</summary>
/// <param name="Index">Place in the group, 0-based; segments name physical volumes by it.</param>
/// <param name="SectionName">Its name inside this text only, <c>pv0</c>.</param>
/// <param name="DeviceHint">Path at the time of writing; a hint, never a fact.</param>
/// <param name="DeviceSizeBytes">Null when the text does not say.</param>
/// <param name="ExtentStartBytes">Where extent 0 begins on the device; authoritative, unlike the label's data area.</param>
/// <param name="ExtentCount">Not checked by lvm2 against the device: we do.</param>
public sealed record PhysicalVolume(
    int Index,
    string SectionName,
    LvmUuid Uuid,
    string DeviceHint,
    long? DeviceSizeBytes,
    long ExtentStartBytes,
    long ExtentCount,
    ImmutableArray<string> Status,
    ImmutableArray<string> Flags,
    ImmutableArray<string> Tags)
{
    public bool IsMissing => Status.Contains("MISSING") || Flags.Contains("MISSING");

    /// <summary>New extents may come from here.</summary>
    public bool IsAllocatable => Status.Contains("ALLOCATABLE") && !IsMissing;
}
