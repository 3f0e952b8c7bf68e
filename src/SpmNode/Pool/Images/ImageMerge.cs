using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>Writes what a volume holds into its parent and takes the volume out of the chain, while no guest uses any of it.</summary>
/// <remarks><code>
/// step                                          interrupted after it
/// 1 the parent gets the space it will need      larger than it must be: 'reduce'
/// 2 the parent's slot says ILLEGAL              read through the volume above everything is as it was
/// 3 the content goes down                       again from here: the volume above still has all of it
/// 4 the child's header and slot name the parent the same
/// 5 the parent's slot says LEGAL, GEN + 1       the volume is in no chain any more: 6
/// 6 the volume is deleted
/// </code>Asked again at any point it goes on, because nobody writes to a parent that is ILLEGAL.</remarks>
sealed class ImageMerge(ImageWork work, IImageTool tool, GrowthPolicy policy, VolumeRemoval removal)
{
    public async Task<VolumeInfo> MergeAsync(VolumeInfo top, IProgress<double> progress, CancellationToken stop)
    {
        var (below, child) = Check(top);
        using var locked = work.Locks.Take([top.Uuid, below.Uuid, .. child is null ? Array.Empty<Guid>() : [child.Uuid]]);
        VolumeInfo[] all = [top, below, .. child is null ? Array.Empty<VolumeInfo>() : [child]];
        await using (await work.HoldAsync(all))
        {
            top = work.Find(top.Name);
            (below, child) = Check(top);
            below = await MakeRoomAsync(top, below, stop);
            if (below.Slot!.Legality == VolumeLegality.Legal)
            {
                below = await work.WriteSlotAsync(below, below.Slot with { Legality = VolumeLegality.Illegal });
            }
            await tool.CommitAsync([.. work.Chain(top).Select(work.Layer)], work.MayWrite, progress, stop);
            if (child is not null)
            {
                await tool.NameParentAsync(work.Layer(child), work.Layer(below), work.MayWrite, stop);
                child = await work.WriteSlotAsync(child, child.Slot! with { Parent = below.Uuid });
                await RetagAsync(child, below.Uuid);
            }
            below = await work.WriteSlotAsync(below, (below.Slot! with
            {
                Legality = VolumeLegality.Legal,
                Role = child is null ? VolumeRole.Leaf : VolumeRole.Internal,
                CapacityBytes = Math.Max(below.Slot!.CapacityBytes, top.Slot!.CapacityBytes),
            }).WithNextGeneration());
            // From here the volume is nobody's parent and its content is below: it is rubbish, and says so.
            top = await work.WriteSlotAsync(top, top.Slot with { Legality = VolumeLegality.Illegal });
            work.Fenced(top.Name);
        }
        await removal.DeleteAsync(top.Name);
        return work.Find(below.Name);
    }

    (VolumeInfo Below, VolumeInfo? Child) Check(VolumeInfo top)
    {
        ImageWork.Usable(top, "is not merged");
        if (top.Parent == Guid.Empty)
        {
            throw Refusal.Conflict($"volume {top.Name} is not merged: it has no parent to be written into.");
        }
        if (top.Slot!.Role == VolumeRole.Shared)
        {
            throw Refusal.Conflict($"volume {top.Name} is a template; it is not merged into anything.");
        }
        var children = work.ChildrenOf(top);
        if (children.Count > 1)
        {
            throw Refusal.Conflict($"volume {top.Name} is not merged: it is the parent of {children.Count} volumes. Merge or delete all but one of them first.");
        }
        var below = work.Chain(top)[1];
        if (below.Slot is not { } slot)
        {
            throw Refusal.Conflict($"volume {top.Name} is not merged: the slot of its parent {below.Name} cannot be believed.");
        }
        if (slot.CapacityBytes > top.Slot.CapacityBytes)
        {
            throw Refusal.Conflict($"volume {top.Name} is not merged: its disk of {SizeText.Format(top.Slot.CapacityBytes)} is smaller than its parent's, whose end would appear again. Resize it first.");
        }
        if (slot.Role == VolumeRole.Shared)
        {
            throw Refusal.Conflict($"volume {top.Name} is not merged: its parent {below.Name} is a template, which stays as it is. Clone it into a volume of its own instead.");
        }
        if (work.ChildrenOf(below) is { Count: > 1 } others)
        {
            throw Refusal.Conflict($"volume {top.Name} is not merged: {others.First(other => other.Uuid != top.Uuid).Name} has the same parent and would see the change.");
        }
        return (below, children.FirstOrDefault());
    }

    async Task<VolumeInfo> MakeRoomAsync(VolumeInfo top, VolumeInfo below, CancellationToken stop)
    {
        var capacity = Math.Max(top.Slot!.CapacityBytes, below.Slot!.CapacityBytes);
        long needed;
        if (below.Slot.Format == VolumeFormat.Raw)
        {
            if (capacity > below.Slot.CapacityBytes)
            {
                throw Refusal.Conflict($"volume {top.Name} is not merged: its disk has {SizeText.Format(capacity)}, its raw parent {below.Name} {SizeText.Format(below.Slot.CapacityBytes)}. Extend that one first.");
            }
            needed = below.AllocatedBytes;
        }
        else
        {
            // At worst nothing of the one lies where the other has something. Measured, not read from its end: compressed clusters grow.
            var coming = await tool.MeasureAsync([work.Layer(top)], VolumeFormat.Cow, stop);
            var there = await tool.EndOffsetAsync(work.Layer(below), stop);
            needed = CowSizes.OptimalBytes(coming + there, capacity, isLeaf: true, policy.MinimumChunkBytes, work.ExtentBytes);
        }
        if (needed > below.AllocatedBytes)
        {
            await work.CommitAsync("extend", below.Name, draft => draft.Extend(below.Name, needed / work.ExtentBytes));
        }
        return work.Find(below.Name);
    }

    async Task RetagAsync(VolumeInfo child, Guid parent)
    {
        var (before, after) = (child.Tags.ToTags(), (child.Tags with { Parent = parent }).ToTags());
        await work.CommitAsync("name the parent", child.Name, draft => draft.ChangeTags(child.Name, before.Except(after), after.Except(before)));
    }
}
