using OvirtSpm.Volumes.Foreign;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>Port: contents that come into the pool or leave it. As for <see cref="IImageTool"/>, no name inside an image is followed.</summary>
/// <exception cref="Refusal">A tool is missing or failed, the content is not what was declared, or writing was no longer allowed.</exception>
interface IImageTransfer
{
    /// <summary>How many bytes a volume needs to hold what the source reads as.</summary>
    Task<long> MeasureAsync(ImageSource source, VolumeFormat target, CancellationToken stop);

    /// <summary>Writes what the source reads as into an empty image.</summary>
    /// <param name="mayWrite">R13: asked before every write.</param>
    Task ImportAsync(ImageSource source, ImageLayer target, Func<bool> mayWrite, IProgress<double> progress, CancellationToken stop);

    /// <summary>Opens an empty image to be written as the disk that it is.</summary>
    /// <param name="grow">Asked for more extents when the image reaches the end of those it has; null for one that has all it needs.</param>
    Task<IRawDisk> OpenAsync(ImageLayer target, GrowLayer? grow, Func<bool> mayWrite, CancellationToken stop);

    /// <summary>Opens what a chain reads as, for reading.</summary>
    Task<IRawDisk> OpenAsync(IReadOnlyList<ImageLayer> chain, CancellationToken stop);

    /// <summary>Writes what the chain reads as into a new file, with holes where it reads as zeros.</summary>
    /// <param name="path">Does not exist; when this fails the caller removes what is there.</param>
    Task ExportAsync(IReadOnlyList<ImageLayer> chain, string path, DiskFormat format, IProgress<double> progress, CancellationToken stop);
}

/// <returns>All segments of the volume, once it has at least these bytes.</returns>
/// <exception cref="Refusal">It does not get them.</exception>
delegate Task<IReadOnlyList<Api.SegmentReply>> GrowLayer(long bytes);
