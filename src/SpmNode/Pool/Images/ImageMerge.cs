using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>Writes what a volume holds into its parent and takes the volume out of the chain, while no guest uses any of it.</summary>
/// <remarks><code>
/// step                                          interrupted after it
/// 0 the journal names it
/// 1 the parent gets the space it will need      taken back; 'reduce' gives the space back
/// 2 the parent's slot says ILLEGAL              goes on. Read through the volume above everything is as it was
/// 3 the content goes down                       again: the volume above still has all of it
/// 4 the child's header and slot name the parent again, the same
/// 5 the volume's slot says ILLEGAL              goes on with 6: below is all of it, and nothing is above
/// 6 the parent's slot says LEGAL, GEN + 1       goes on with 7
/// 7 the volume is deleted
/// </code>Nobody writes to a parent that is ILLEGAL, so each step done twice ends the same.</remarks>
sealed class ImageMerge(ImageWork work, IImageTool tool, GrowthPolicy policy, VolumeRemoval removal)
{
    public async Task<VolumeInfo> MergeAsync(VolumeInfo top, RequestId? id, int? generation, IProgress<double> progress, CancellationToken stop)
    {
        var (below, child) = Check(top);
        using var locked = Lock(top, below, child);
        JournalRecord.Begun? operation = null;
        try
        {
            await using (await work.HoldAsync(All(top, below, child)))
            {
                var (belowNow, childNow) = Check(ImageWork.Expect(work.Find(top.Name), generation));
                if ((belowNow.Uuid, childNow?.Uuid) != (below.Uuid, child?.Uuid))
                {
                    throw Refusal.Conflict($"the chain of volume {top.Name} changed just now; look again, and ask again.");
                }
                operation = await work.BeginAsync(OperationKind.Merge, id, top);
                await MoveAsync(top, below, child, progress, stop);
            }
            return await EndAsync(operation, top, below);
        }
        finally
        {
            if (operation is not null)
            {
                work.Leave(operation);
            }
        }
    }

    /// <summary>One that a former SPM left open.</summary>
    public async Task<OperationOutcome> ResumeAsync(VolumeInfo top, JournalRecord.Begun operation)
    {
        var below = work.Find(top.Parent)
            ?? throw Refusal.Conflict($"the parent of volume {top.Name}, into which it was being merged, is gone; 'spm domain check --lun' shows what is left.");
        // From the LUN: a write whose answer was an error may have landed.
        await work.RefreshAsync(top);
        await work.RefreshAsync(below);
        (top, below) = (work.Find(top.Name), work.Find(below.Name));
        if (top.Slot is null || below.Slot is null)
        {
            throw Refusal.Conflict($"the slot of volume {(top.Slot is null ? top : below).Name} cannot be believed, so its merge does not go on; 'spm domain check --lun' tells why.");
        }
        if ((top.Slot.Legality, below.Slot.Legality) == (VolumeLegality.Legal, VolumeLegality.Legal))
        {
            work.End(operation, OperationOutcome.Undone);
            return OperationOutcome.Undone;
        }
        // One that names the parent already, because step 4 was done.
        var child = work.ChildrenOf(top).Concat(work.ChildrenOf(below)).FirstOrDefault(other => other.Uuid != top.Uuid);
        using var locked = Lock(top, below, child);
        await using (await work.HoldAsync(All(top, below, child)))
        {
            await MoveAsync(top, below, child, new Progress<double>(), CancellationToken.None);
        }
        await EndAsync(operation, top, below);
        return OperationOutcome.Done;
    }

    /// <summary>Steps 1 to 6, under our entries in the map.</summary>
    async Task MoveAsync(VolumeInfo top, VolumeInfo below, VolumeInfo? child, IProgress<double> progress, CancellationToken stop)
    {
        (top, below) = (work.Find(top.Name), work.Find(below.Name));
        if (top.Slot!.Legality == VolumeLegality.Legal)
        {
            below = await BringDownAsync(top, below, child, progress, stop);
            top = await work.WriteSlotAsync(top, slot => slot with { Legality = VolumeLegality.Illegal });
        }
        if (below.Slot!.Legality != VolumeLegality.Legal)
        {
            await work.WriteSlotAsync(below, slot => (slot with
            {
                Legality = VolumeLegality.Legal,
                Role = child is null ? VolumeRole.Leaf : VolumeRole.Internal,
                CapacityBytes = Math.Max(slot.CapacityBytes, top.Slot!.CapacityBytes),
            }).WithNextGeneration());
        }
        work.Fenced(top.Name);
    }

    /// <summary>Step 7: without our entries, which a removal takes for a user's.</summary>
    async Task<VolumeInfo> EndAsync(JournalRecord.Begun operation, VolumeInfo top, VolumeInfo below)
    {
        await removal.DeleteAsync(top.Name);
        work.End(operation, OperationOutcome.Done);
        return work.Find(below.Name);
    }

    async Task<VolumeInfo> BringDownAsync(VolumeInfo top, VolumeInfo below, VolumeInfo? child, IProgress<double> progress, CancellationToken stop)
    {
        if (below.Slot!.Legality == VolumeLegality.Legal)
        {
            below = await MakeRoomAsync(top, below, stop);
            below = await work.WriteSlotAsync(below, slot => slot with { Legality = VolumeLegality.Illegal });
        }
        await tool.CommitAsync([.. work.Chain(top).Select(work.Layer)], work.MayWrite, progress, stop);
        if (child is not null)
        {
            child = work.Find(child.Name);
            await tool.NameParentAsync(work.Layer(child), work.Layer(below), work.MayWrite, stop);
            child = await work.WriteSlotAsync(child, slot => slot with { Parent = below.Uuid });
            await RetagAsync(child, below.Uuid);
        }
        return below;
    }

    IDisposable Lock(VolumeInfo top, VolumeInfo below, VolumeInfo? child) => work.Locks.Take(All(top, below, child).Select(volume => volume.Uuid));

    static VolumeInfo[] All(VolumeInfo top, VolumeInfo below, VolumeInfo? child) => child is null ? [top, below] : [top, below, child];

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
        if (below.Slot is not { Legality: VolumeLegality.Legal } slot)
        {
            throw Refusal.Conflict($"volume {top.Name} is not merged: its parent {below.Name} cannot be used: {string.Join("; ", below.Problems.Select(p => p.Text))}.");
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
            await work.CommitAsync("extend", below.Name, draft => SpaceRules.Refuse(draft, below.Name, needed / work.ExtentBytes, SpaceUse.Person)
                ?? draft.Extend(below.Name, needed / work.ExtentBytes));
        }
        return work.Find(below.Name);
    }

    async Task RetagAsync(VolumeInfo child, Guid parent)
    {
        var (before, after) = (child.Tags.ToTags(), (child.Tags with { Parent = parent }).ToTags());
        await work.CommitAsync("name the parent", child.Name, draft => draft.ReplaceTags(child.Name, before, after));
    }
}
