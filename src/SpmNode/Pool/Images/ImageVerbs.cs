using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>Changes of volumes that no guest uses.</summary>
sealed class ImageVerbs(ImageWork work, IVolumeImager imager, GrowthPolicy policy, VolumeRemoval removal)
{

    /// <returns>The volume as it is afterwards; after a merge the parent.</returns>
    public Task<VolumeInfo> ChangeAsync(string reference, VolumeChange change, CancellationToken stop)
    {
        var volume = work.Find(reference);
        return change switch
        {
            VolumeChange.Reduce => new ImageReduction(work, imager.Content, policy).ReduceAsync(volume, stop),
            VolumeChange.Resize to => new ImageResize(work, imager.Content).ResizeAsync(volume, to.VirtualSizeBytes, stop),
            VolumeChange.Share => new ImageLabels(work).ShareAsync(volume),
            VolumeChange.Describe to => new ImageLabels(work).DescribeAsync(volume, to.Alias),
            VolumeChange.Merge => new ImageMerge(work, imager.Content, policy, removal).MergeAsync(volume, new Progress<double>(), stop),
            _ => throw new InvalidOperationException("a closed set of changes"),
        };
    }
}
