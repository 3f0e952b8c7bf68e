using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Volumes.Foreign;

namespace OvirtSpm.Node.Api;

/// <summary>What brings disks into a pool and out of it: through a node, or straight on the LUN.</summary>
/// <exception cref="Refusal">What failed, why, and what to do.</exception>
interface ITransferVerbs : IAsyncDisposable
{
    /// <summary>Makes a volume of what a file reads as. Until it is full nobody sees it; stopped, it is taken back.</summary>
    Task<VolumeReply> ImportAsync(CreateVolumeRequest request, ImageSource file, IProgress<double> progress, CancellationToken stop);

    /// <summary>Writes what a volume reads as, its whole chain, into a new file.</summary>
    /// <param name="path">Absolute; what is there when this fails is the caller's to remove.</param>
    Task ExportAsync(string reference, string path, DiskFormat format, IProgress<double> progress, CancellationToken stop);

    Task<MeasureReply> MeasureAsync(string reference, CancellationToken stop);
}
