using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>Port: work on the content of images that no guest uses. Chains are given from the leaf to the base.</summary>
/// <remarks>
/// The tools behind it see the layers named here and nothing else: names of backing and data files inside an image are never followed.
/// Every write asks first (R13). What a call has issued has returned when the call ends, however it ends.
/// </remarks>
/// <exception cref="Refusal">A tool is missing or failed, the content is not what was declared, or writing was no longer allowed.</exception>
interface IImageTool
{
    /// <summary>How many bytes a volume needs to hold what the chain reads as.</summary>
    Task<long> MeasureAsync(IReadOnlyList<ImageLayer> chain, VolumeFormat target, CancellationToken stop);

    /// <summary>Where the last used cluster of a cow volume ends.</summary>
    Task<long> EndOffsetAsync(ImageLayer image, CancellationToken stop);

    /// <summary>Writes what the first layer holds into the second one. Done again after an interruption it ends the same.</summary>
    Task CommitAsync(IReadOnlyList<ImageLayer> chain, Func<bool> mayWrite, IProgress<double> progress, CancellationToken stop);

    /// <summary>Writes what the chain reads as into an empty image.</summary>
    Task CopyAsync(IReadOnlyList<ImageLayer> chain, ImageLayer target, Func<bool> mayWrite, IProgress<double> progress, CancellationToken stop);

    /// <summary>Makes a cow image's disk larger.</summary>
    Task ResizeAsync(ImageLayer image, long capacityBytes, Func<bool> mayWrite, CancellationToken stop);

    /// <summary>Writes another name of its parent into a cow image; null for none. The content is not touched.</summary>
    Task NameParentAsync(ImageLayer image, ImageLayer? parent, Func<bool> mayWrite, CancellationToken stop);
}
