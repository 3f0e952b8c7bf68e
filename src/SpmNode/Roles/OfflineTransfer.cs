using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Foreign;

namespace OvirtSpm.Node.Roles;

/// <summary>Brings disks in and out straight on the LUN, as its SPM for as long as that takes.</summary>
sealed class OfflineTransfer(ILun lun, OfflinePorts ports, bool wait) : ITransferVerbs
{
    readonly LunReader reader = new(lun);

    public async Task<VolumeReply> ImportAsync(CreateVolumeRequest request, ImageSource file, IProgress<double> progress, CancellationToken stop)
    {
        var view = await reader.ViewAsync();
        WantedVolume.From(ImageOrigin.Filled(request, new ImageOrigin.FileOf(file)), view.Domain.Uuid, view.Group.ExtentSizeBytes, ports.Choice);
        await using var pool = await OpenAsync(stop);
        return await pool.Verbs.ImportVolumeAsync(request, file, progress, stop);
    }

    public async Task ExportAsync(string reference, string path, DiskFormat format, IProgress<double> progress, CancellationToken stop)
    {
        var volume = (await reader.ViewAsync()).Find(reference);
        await using var pool = await OpenAsync(stop);
        await pool.Verbs.ExportVolumeAsync(volume.Name, path, format, progress, stop);
    }

    public async Task<MeasureReply> MeasureAsync(string reference, CancellationToken stop)
    {
        var volume = (await reader.ViewAsync()).Find(reference);
        await using var pool = await OpenAsync(stop);
        return await pool.Verbs.MeasureVolumeAsync(volume.Name, stop);
    }

    public ValueTask DisposeAsync()
    {
        lun.Dispose();
        return ValueTask.CompletedTask;
    }

    Task<OfflinePool> OpenAsync(CancellationToken stop) => OfflinePool.OpenAsync(lun, ports, wait, stop);
}
