using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Storage;

/// <summary>All volumes of a domain at one moment, and how to say them to people.</summary>
sealed record DomainView(StorageDomain Domain, VolumeGroup Group, ImmutableArray<VolumeInfo> Volumes)
{
    public static async Task<DomainView> ReadAsync(StorageDomain domain, VolumeGroup group)
    {
        var facts = group.LogicalVolumes.Select(Facts).ToList();
        var slots = await new SlotStore(domain.Slots, domain.Uuid, domain.SlotLayout).ReadAsync(VolumeCatalogue.TakenSlots(facts));
        return new DomainView(domain, group, VolumeCatalogue.Join(domain.Uuid, facts, slots.GetValueOrDefault));
    }

    public static VolumeFacts Facts(LogicalVolume lv) => new(lv.Name, lv.Tags, lv.SizeBytes);

    /// <exception cref="Refusal">Unknown or ambiguous.</exception>
    public VolumeInfo Find(string reference) => VolumeReference.Resolve(reference, Volumes) switch
    {
        VolumeResolution.Found found => found.Volume,
        VolumeResolution.Ambiguous several => throw Refusal.Invalid(several.Text + "."),
        VolumeResolution.Unknown when SpecialVolumes.IsSpecial(reference.Trim()) => throw Refusal.Conflict(
            $"'{reference.Trim()}' is a special volume of the domain ({SpecialVolumes.InCreationOrder.First(s => s.Name == reference.Trim()).Purpose}), no virtual disk; it is left alone. 'spm volume list' shows the disks."),
        VolumeResolution.Unknown unknown => throw Refusal.NotFound(unknown.Text + "."),
        _ => throw new InvalidOperationException("a closed set of resolutions"),
    };

    public VolumeInfo? Find(Guid volume) => Volumes.FirstOrDefault(other => volume != Guid.Empty && other.Uuid == volume);

    /// <param name="activeOn">Hosts that have it active, for people.</param>
    public VolumeReply Describe(VolumeInfo volume, IReadOnlyList<string> activeOn) => new(
        volume.Name,
        (volume.Slot?.Image ?? volume.Tags.Image ?? Guid.Empty).ToString(),
        volume.Parent == Guid.Empty ? null : volume.Parent.ToString(),
        volume.Slot?.Role == VolumeRole.Shared ? "template" : ImageChain.ChildrenOf(volume.Uuid, Volumes).IsEmpty ? "leaf" : "internal",
        volume.Alias,
        volume.Slot is { } slot ? (slot.Format == VolumeFormat.Cow ? "cow" : "raw") : "unknown",
        volume.Slot?.Allocation.ToString().ToLowerInvariant() ?? "unknown",
        volume.Slot?.CapacityBytes ?? 0,
        volume.AllocatedBytes,
        MaximumBytes(volume, Group.ExtentSizeBytes),
        volume.Tags.Slot,
        State(volume),
        activeOn,
        [.. volume.Problems.Select(problem => problem.Text)],
        volume.Slot?.Description, volume.Slot?.Legality.ToString().ToLowerInvariant(), volume.Slot?.Generation);

    /// <summary>The most its LV may become; what it has when the slot cannot be believed.</summary>
    public static long MaximumBytes(VolumeInfo volume, long extentBytes) => volume.Slot switch
    {
        { Format: VolumeFormat.Cow } cow => CowSizes.MaximumBytes(cow.CapacityBytes, extentBytes),
        { } raw => CowSizes.RawBytes(raw.CapacityBytes, extentBytes),
        null => volume.AllocatedBytes,
    };

    static string State(VolumeInfo volume) =>
        volume.Tags.Initializing ? "initializing"
        : volume.Tags.Removal != RemovalMark.None ? "removing"
        : volume.Tags.MovedFrom is not null ? "arriving"
        : volume.IsUsable ? "ready"
        : "damaged";
}
