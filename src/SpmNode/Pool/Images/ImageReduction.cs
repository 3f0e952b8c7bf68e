using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>Gives back the extents behind the last used cluster of a thin volume.</summary>
/// <remarks>
/// One commit, so there is no half-way. R9: nobody has a table of it while our entry stands, and the tools that looked at it have ended.
/// </remarks>
sealed class ImageReduction(ImageWork work, IImageTool tool, GrowthPolicy policy)
{
    public async Task<VolumeInfo> ReduceAsync(VolumeInfo volume, int? generation, CancellationToken stop)
    {
        ImageWork.Cow(ImageWork.Usable(volume, "is not reduced"), "is not reduced");
        using var locked = work.Locks.Take([volume.Uuid]);
        await using var hold = await work.HoldAsync([volume]);
        volume = ImageWork.Cow(ImageWork.Usable(ImageWork.Expect(work.Find(volume.Name), generation), "is not reduced"), "is not reduced");
        var used = await tool.EndOffsetAsync(work.Layer(volume), stop);
        var optimal = CowSizes.OptimalBytes(
            used, volume.Slot!.CapacityBytes, isLeaf: work.ChildrenOf(volume).Count == 0 && volume.Slot.Role == VolumeRole.Leaf, policy.MinimumChunkBytes, work.ExtentBytes);
        if (optimal < volume.AllocatedBytes)
        {
            await work.CommitAsync("reduce", volume.Name, draft => draft.Reduce(volume.Name, optimal / work.ExtentBytes));
        }
        if (generation is not null)
        {
            await work.WriteSlotAsync(volume, slot => ImageWork.Raise(slot, generation));
            work.Fenced(volume.Name);
        }
        return work.Find(volume.Name);
    }
}
