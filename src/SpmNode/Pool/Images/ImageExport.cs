using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Foreign;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>What a volume reads as, its whole chain, while nobody writes it: taken out, or only measured.</summary>
sealed class ImageExport(ImageWork work, IVolumeImager imager, GrowthPolicy policy)
{
    public Task ExportAsync(string reference, string path, DiskFormat format, IProgress<double> progress, CancellationToken stop) =>
        OnChainAsync(reference, async chain =>
        {
            await imager.Transfer.ExportAsync([.. chain.Select(work.Layer)], path, format, progress, stop);
            return true;
        });

    public Task<MeasureReply> MeasureAsync(string reference, CancellationToken stop) => OnChainAsync(reference, async chain =>
    {
        var needed = await imager.Content.MeasureAsync([.. chain.Select(work.Layer)], VolumeFormat.Cow, stop);
        return Needs.Of(chain[0].Slot!.CapacityBytes, needed, policy, work.ExtentBytes);
    });

    /// <summary>Until whoever reads says that it was all, or nothing was read for a long time.</summary>
    public Task<VolumeReply> DownloadAsync(string reference, Download download, Func<VolumeInfo, VolumeReply> describe, CancellationToken stop) => OnChainAsync(reference, async chain =>
    {
        await using var disk = await imager.Transfer.OpenAsync([.. chain.Select(work.Layer)], stop);
        await download.RunAsync(disk, disk.SizeBytes, work.MayWrite, stop);
        return describe(chain[0]);
    });

    /// <summary>R10: with an entry in the activation map, unless nobody can write it: what is read is one moment of the disk.</summary>
    async Task<T> OnChainAsync<T>(string reference, Func<IReadOnlyList<VolumeInfo>, Task<T>> act)
    {
        var origin = ImageOrigin.Copy(reference, work);
        await using var kept = await origin.KeepAsync(work);
        origin.Recheck(work);
        var result = await act(origin.Chain);
        // Templates and parents are kept by this SPM's word alone: read to the end under a term that still lasts, or not at all.
        work.Fenced(reference);
        return result;
    }
}
