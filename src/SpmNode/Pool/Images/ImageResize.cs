using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>Makes the disk of a thin volume larger, while no guest uses it.</summary>
/// <remarks>
/// The header first, then the slot: in between the disk is already larger than the slot says, which harms nobody; asking again
/// writes the slot. Absolute sizes, so that asking twice resizes once.
/// </remarks>
sealed class ImageResize(ImageWork work, IImageTool tool)
{
    public async Task<VolumeInfo> ResizeAsync(VolumeInfo volume, long capacityBytes, CancellationToken stop)
    {
        Check(volume, capacityBytes);
        var capacity = CowSizes.RoundCapacity(capacityBytes);
        using var locked = work.Locks.Take([volume.Uuid]);
        await using var hold = await work.HoldAsync([volume]);
        volume = work.Find(volume.Name);
        Check(volume, capacityBytes);
        if (work.ChildrenOf(volume) is [var child, ..])
        {
            throw Refusal.Conflict($"volume {volume.Name} is not resized: it is the parent of {child.Name}. Resize that one.");
        }
        if (capacity == volume.Slot!.CapacityBytes)
        {
            return volume;
        }
        await tool.ResizeAsync(work.Layer(volume), capacity, work.MayWrite, stop);
        volume = await work.WriteSlotAsync(volume, volume.Slot with { CapacityBytes = capacity });
        work.Fenced(volume.Name);
        return volume;
    }

    public static void Check(VolumeInfo volume, long capacityBytes)
    {
        var slot = ImageWork.Usable(volume, "is not resized").Slot!;
        if (slot.Format == VolumeFormat.Raw)
        {
            throw Refusal.Conflict($"volume {volume.Name} is raw: 'spm volume extend' makes its disk larger.");
        }
        if (slot.Role == VolumeRole.Shared)
        {
            throw Refusal.Conflict($"volume {volume.Name} is a template: what was made from it relies on it staying as it is.");
        }
        if (capacityBytes <= 0 || capacityBytes > DomainLimits.LargestDiskBytes)
        {
            throw Refusal.Invalid($"a virtual size of {capacityBytes} bytes is refused; up to {SizeText.Format(DomainLimits.LargestDiskBytes)} are possible.");
        }
        if (CowSizes.RoundCapacity(capacityBytes) < slot.CapacityBytes)
        {
            throw Refusal.Conflict(
                $"volume {volume.Name} has {SizeText.Format(slot.CapacityBytes)}; it is not made smaller, since whatever the guest keeps behind {SizeText.Format(capacityBytes)} would be lost.");
        }
    }
}
