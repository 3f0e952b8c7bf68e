using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Recovery;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>Changes of volumes that no guest uses.</summary>
sealed class ImageVerbs(ImageWork work, IVolumeImager imager, GrowthPolicy policy, VolumeRemoval removal)
{
    /// <summary>How those of several steps are brought to their end.</summary>
    public IEnumerable<IRecoveryRule> Rules => [new MergeRule(work, Merge), new ResizeRule(work, Resize)];

    /// <summary>The kind of those that the journal knows; null for what is one write.</summary>
    public static OperationKind? KindOf(VolumeChange change) => change switch
    {
        VolumeChange.Merge or VolumeChange.Collapse => OperationKind.Merge,
        VolumeChange.Resize => OperationKind.Resize,
        _ => null,
    };

    /// <returns>The volume as it is afterwards; after a merge the parent.</returns>
    public Task<VolumeInfo> ChangeAsync(string reference, VolumeChange change, RequestId? id, CancellationToken stop, IProgress<double>? progress = null)
    {
        var (volume, told) = (work.Find(reference), progress ?? new Progress<double>());
        return change switch
        {
            VolumeChange.Reduce => new ImageReduction(work, imager.Content, policy).ReduceAsync(volume, change.ExpectedGeneration, stop),
            VolumeChange.Resize to => Resize().ResizeAsync(volume, to.VirtualSizeBytes, id, change.ExpectedGeneration, stop),
            VolumeChange.Share => new ImageLabels(work).ShareAsync(volume, change.ExpectedGeneration),
            VolumeChange.Describe to => new ImageLabels(work).DescribeAsync(volume, to.Alias, change.ExpectedGeneration),
            VolumeChange.Merge => Merge().MergeAsync(volume, id, change.ExpectedGeneration, told, stop),
            VolumeChange.Collapse => new ImageCollapse(work, Merge()).CollapseAsync(volume, id, change.ExpectedGeneration, told, stop),
            VolumeChange.Set to => new ImageFacts(work).SetAsync(volume, to),
            _ => throw new InvalidOperationException("a closed set of changes"),
        };
    }

    /// <summary>Parents whose only child was taken back.</summary>
    public async Task TidyRolesAsync()
    {
        foreach (var volume in work.View().Volumes.Where(volume => volume.Slot is { Role: VolumeRole.Internal } && work.ChildrenOf(volume).Count == 0))
        {
            try
            {
                using var locked = work.Locks.Take([volume.Uuid]);
                await new ImageLabels(work).ChildLeftAsync(volume.Uuid);
            }
            catch (Refusal)
            {
                // Somebody makes a snapshot of it right now: then it is none.
            }
        }
    }

    ImageResize Resize() => new(work, imager.Content);

    ImageMerge Merge() => new(work, imager.Content, policy, removal);
}
