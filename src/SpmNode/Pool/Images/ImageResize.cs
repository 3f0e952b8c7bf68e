using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>Makes the disk of a thin volume larger, while no guest uses it.</summary>
/// <remarks>
/// The header first, then the slot: in between the disk is already larger than the slot says, which harms nobody; the operation is in
/// the journal, and goes on. Absolute sizes, so that asking twice resizes once.
/// </remarks>
sealed class ImageResize(ImageWork work, IImageTool tool)
{
    public async Task<VolumeInfo> ResizeAsync(VolumeInfo volume, long capacityBytes, RequestId? id, int? generation, CancellationToken stop)
    {
        Check(volume, capacityBytes);
        var capacity = CowSizes.RoundCapacity(capacityBytes);
        using var locked = work.Locks.Take([volume.Uuid]);
        await using var hold = await work.HoldAsync([volume]);
        volume = ImageWork.Expect(work.Find(volume.Name), generation);
        Check(volume, capacityBytes);
        if (work.ChildrenOf(volume) is [var child, ..])
        {
            throw Refusal.Conflict($"volume {volume.Name} is not resized: it is the parent of {child.Name}. Resize that one.");
        }
        if (work.IsMerging(volume))
        {
            throw Refusal.Unavailable($"volume {volume.Name} is being merged into its parent. 'spm journal show' says what it waits for.");
        }
        using var promised = work.Promise(volume.Uuid, CowSizes.MaximumBytes(capacity, work.ExtentBytes), $"volume {volume.Name} was not resized");
        var operation = await work.BeginAsync(OperationKind.Resize, id, volume, capacity);
        try
        {
            return await GrowAsync(volume, operation, stop);
        }
        finally
        {
            work.Leave(operation);
        }
    }

    /// <summary>One that a former SPM left open. Whoever uses the volume now is waited for.</summary>
    public async Task ResumeAsync(VolumeInfo volume, JournalRecord.Begun operation)
    {
        using var locked = work.Locks.Take([volume.Uuid]);
        await using var hold = await work.HoldAsync([volume]);
        await GrowAsync(work.Find(volume.Name), operation, CancellationToken.None);
    }

    async Task<VolumeInfo> GrowAsync(VolumeInfo volume, JournalRecord.Begun operation, CancellationToken stop)
    {
        if (volume.Slot is not { } slot)
        {
            throw Refusal.Conflict($"the slot of volume {volume.Name} cannot be believed; 'spm domain check --lun' tells why.");
        }
        if (slot.CapacityBytes < operation.ToBytes)
        {
            try
            {
                await tool.ResizeAsync(work.Layer(volume), operation.ToBytes, work.MayWrite, stop);
            }
            catch (Refusal) when (work.MayWrite())
            {
                // QEMU will not do it next time either. At worst the header says more than the slot, which harms nobody.
                work.End(operation, OperationOutcome.Undone);
                throw;
            }
            volume = await work.WriteSlotAsync(volume, slot => (slot with { CapacityBytes = operation.ToBytes }).WithNextGeneration());
            work.Fenced(volume.Name);
        }
        work.End(operation, OperationOutcome.Done);
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
