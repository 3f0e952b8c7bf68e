using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>What is said of a volume in its slot and changes nothing of its content: one write, which happens or not.</summary>
sealed class ImageLabels(ImageWork work)
{
    /// <summary>Makes it a template: read-only for everybody, for good.</summary>
    public async Task<VolumeInfo> ShareAsync(VolumeInfo volume, int? generation = null)
    {
        var slot = ImageWork.Usable(volume, "does not become a template").Slot!;
        if (slot.Role == VolumeRole.Shared)
        {
            return volume;
        }
        if (volume.Parent != Guid.Empty)
        {
            throw Refusal.Conflict($"volume {volume.Name} does not become a template: it has a parent, {volume.Parent}. Merge it, or clone it into a volume of its own.");
        }
        if (work.ChildrenOf(volume) is [var child, ..])
        {
            throw Refusal.Conflict($"volume {volume.Name} does not become a template: it is the parent of {child.Name}, a snapshot of the same disk.");
        }
        using var locked = work.Locks.Take([volume.Uuid]);
        // Whoever has it active for writing now would go on writing what others then read as fixed.
        await using var hold = await work.HoldAsync([volume]);
        volume = ImageWork.Usable(ImageWork.Expect(work.Find(volume.Name), generation), "does not become a template");
        volume = await work.WriteSlotAsync(volume, now => ImageWork.Raise(now with { Role = VolumeRole.Shared }, generation));
        work.Fenced(volume.Name);
        return volume;
    }

    /// <summary>A child is gone: a parent that has none any more is a leaf again. That it has none is what counts; this is for readers of slots.</summary>
    public async Task ChildLeftAsync(Guid parent)
    {
        if (parent != Guid.Empty && work.Find(parent) is { Slot.Role: VolumeRole.Internal } left && work.ChildrenOf(left).Count == 0 && work.MayWrite())
        {
            await work.WriteSlotAsync(left, slot => slot with { Role = VolumeRole.Leaf });
        }
    }

    public async Task<VolumeInfo> DescribeAsync(VolumeInfo volume, string alias, int? generation = null)
    {
        WantedVolume.RefuseBadAlias(alias, volume.Slot ?? throw Refusal.Conflict($"volume {volume.Name} has no slot that can be believed; 'spm domain check --lun' tells why."));
        using var locked = work.Locks.Take([volume.Uuid]);
        ImageWork.Expect(work.Find(volume.Name), generation);
        volume = await work.WriteSlotAsync(volume, slot => ImageWork.Raise(slot with { Description = DiskAlias.Describe(alias) }, generation));
        work.Fenced(volume.Name);
        return volume;
    }
}
