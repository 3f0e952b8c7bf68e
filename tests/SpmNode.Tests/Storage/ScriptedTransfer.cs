using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Volumes.Foreign;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Storage;

/// <summary>Contents from outside, in steps that the test takes.</summary>
sealed class ScriptedTransfer : IImageTransfer
{
    public Func<IProgress<double>, Func<bool>, CancellationToken, Task> Import { get; init; } = (_, _, _) => Task.CompletedTask;

    public Task<long> MeasureAsync(ImageSource source, VolumeFormat target, CancellationToken stop) => Task.FromResult(300L << 20);

    public Task ImportAsync(ImageSource source, ImageLayer target, Func<bool> mayWrite, IProgress<double> progress, CancellationToken stop) => Import(progress, mayWrite, stop);

    /// <summary>Where what is sent goes.</summary>
    public IRawDisk? Disk { get; init; }

    /// <summary>What whoever fills the opened disk asks for more extents.</summary>
    public GrowLayer? Grow { get; private set; }

    public Task<IRawDisk> OpenAsync(ImageLayer target, GrowLayer? grow, Func<bool> mayWrite, CancellationToken stop)
    {
        Grow = grow;
        return Task.FromResult(Disk!);
    }

    public Task<IRawDisk> OpenAsync(IReadOnlyList<ImageLayer> chain, CancellationToken stop) => Task.FromResult(Disk!);

    public Task ExportAsync(IReadOnlyList<ImageLayer> chain, string path, DiskFormat format, IProgress<double> progress, CancellationToken stop) => Task.CompletedTask;
}
