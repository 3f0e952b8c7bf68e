using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>Writes a whole chain into its base: one merge after the other, from below.</summary>
/// <remarks>
/// Each merge is whole by itself, and between two of them the chain is one that is shorter: a crash costs the rest, which asking again does.
/// The request's id goes with the last one, which is the volume itself: only then is it done.
/// </remarks>
sealed class ImageCollapse(ImageWork work, ImageMerge merge)
{
    public async Task<VolumeInfo> CollapseAsync(VolumeInfo volume, RequestId? id, int? generation, IProgress<double> progress, CancellationToken stop)
    {
        ImageWork.Expect(volume, generation);
        var whole = work.Chain(volume);
        Check(volume, whole);
        while (work.Chain(work.Find(volume.Name)) is { Count: > 1 } chain)
        {
            var isLast = chain.Count == 2;
            var below = await merge.MergeAsync(chain[^2], isLast ? id : null, isLast ? generation : null, new OneOf(progress, whole.Count - chain.Count, whole.Count - 1), stop);
            if (isLast)
            {
                return below;
            }
        }
        return work.Find(volume.Name);
    }

    /// <summary>All of it before the first byte: half a collapse is nobody's wish.</summary>
    void Check(VolumeInfo volume, IReadOnlyList<VolumeInfo> chain)
    {
        foreach (var one in chain)
        {
            ImageWork.Usable(one, "is not collapsed");
            if (one.Slot!.Role == VolumeRole.Shared && chain.Count > 1)
            {
                throw Refusal.Conflict($"the chain of volume {volume.Name} is not collapsed: {one.Name} in it is a template, which stays as it is. 'spm volume create --from {volume.Name}' makes a volume of its own.");
            }
            if (one.Uuid != volume.Uuid && work.ChildrenOf(one) is { Count: > 1 } children)
            {
                throw Refusal.Conflict($"the chain of volume {volume.Name} is not collapsed: {one.Name} in it has {children.Count} children, and the others would see the change. 'spm volume create --from {volume.Name}' makes a volume of its own.");
            }
        }
    }

    /// <summary>One merge's share of the whole.</summary>
    sealed class OneOf(IProgress<double> whole, int done, int merges) : IProgress<double>
    {
        public void Report(double value) => whole.Report((done + value) / merges);
    }
}
