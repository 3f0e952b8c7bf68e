using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Foreign;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Activation.Images;

/// <summary>qemu-img between a file and the extents of a volume; both only through sockets of ours, but for the file that it makes.</summary>
sealed class QemuTransfer(PoolDomain domain, IVolumeServer server, string scratch, TimeProvider clock) : IImageTransfer
{
    public Task<long> MeasureAsync(ImageSource source, VolumeFormat target, CancellationToken stop) => MeasureAsync(server, scratch, source, target, stop);

    /// <summary>Needs no pool.</summary>
    public static async Task<long> MeasureAsync(IVolumeServer server, string scratch, ImageSource source, VolumeFormat target, CancellationToken stop)
    {
        await using var served = ServedFile.Serve(server, scratch, source);
        await CheckSizeAsync(served, source, stop);
        var measured = await QemuCommand.RunAsync(
            $"measuring {source.Name}", ["measure", "--output=json", "-O", QemuImageTool.Name(target), served.Address], null, stop);
        return QemuImageTool.Read(measured, "required", source.Name);
    }

    public async Task ImportAsync(ImageSource source, ImageLayer target, Func<bool> mayWrite, IProgress<double> progress, CancellationToken stop)
    {
        await using var file = ServedFile.Serve(server, scratch, source);
        await CheckSizeAsync(file, source, stop);
        await using var served = await ServedLayers.ServeAsync(domain, server, scratch, clock, [target], mayWrite, _ => true);
        string[] zero = target.Format == VolumeFormat.Cow ? ["--target-is-zero"] : [];
        await QemuCommand.RunAsync(
            $"importing {source.Name}", ["convert", "-p", "-n", .. zero, "-O", QemuImageTool.Name(target.Format), file.Address, served.UriOf(target)], progress, stop);
    }

    public async Task ExportAsync(IReadOnlyList<ImageLayer> chain, string path, DiskFormat format, IProgress<double> progress, CancellationToken stop)
    {
        await using var served = await ServedLayers.ServeAsync(domain, server, scratch, clock, chain, null, _ => false);
        await using var daemon = await StorageDaemon.OpenAsync(served, chain, _ => false, clock, stop);
        var address = await daemon.ExportAsync(stop);
        await QemuCommand.RunAsync(
            $"exporting volume {chain[0].Volume}", ["convert", "-p", "-f", "raw", "-O", QemuImageTool.Name(format), .. Options(format), address, path], progress, stop);
    }

    public async Task<IRawDisk> OpenAsync(ImageLayer target, GrowLayer? grow, Func<bool> mayWrite, CancellationToken stop)
    {
        var served = await ServedLayers.ServeAsync(domain, server, scratch, clock, [target], mayWrite, _ => true, grow);
        return await QemuRawDisk.OpenAsync(
            served, () => StorageDaemon.OpenAsync(served, [target], _ => true, clock, stop), writable: true, $"volume {target.Volume}", stop);
    }

    public async Task<IRawDisk> OpenAsync(IReadOnlyList<ImageLayer> chain, CancellationToken stop)
    {
        var served = await ServedLayers.ServeAsync(domain, server, scratch, clock, chain, null, _ => false);
        return await QemuRawDisk.OpenAsync(
            served, () => StorageDaemon.OpenAsync(served, chain, _ => false, clock, stop), writable: false, $"volume {chain[0].Volume}", stop);
    }

    /// <summary>What a file outside the pool reads as. Needs no pool.</summary>
    public static async Task<IRawDisk> OpenAsync(IVolumeServer server, string scratch, ImageSource source, TimeProvider clock, CancellationToken stop)
    {
        var served = ServedFile.Serve(server, scratch, source);
        return await QemuRawDisk.OpenAsync(served, async () =>
        {
            await CheckSizeAsync(served, source, stop);
            return await StorageDaemon.OpenAsync(served, source.Name, clock, stop);
        }, writable: false, source.Name, stop);
    }

    /// <summary>Makes a new file of another format of it. Needs no pool.</summary>
    public static async Task ConvertAsync(
        IVolumeServer server, string scratch, ImageSource source, string path, DiskFormat format, IProgress<double> progress, CancellationToken stop)
    {
        await using var served = ServedFile.Serve(server, scratch, source);
        await QemuCommand.RunAsync(
            $"converting {source.Name}", ["convert", "-p", "-O", QemuImageTool.Name(format), .. Options(format), served.Address, path], progress, stop);
    }

    /// <summary>The VHD of QEMU's choice would have a larger disk, rounded up to what cylinders and heads can say.</summary>
    static string[] Options(DiskFormat format) => format == DiskFormat.Vpc ? ["-o", "force_size=on"] : [];

    /// <summary>Two readers of one header must agree, or the end of the disk would be lost, or made up.</summary>
    static async Task CheckSizeAsync(ServedFile served, ImageSource source, CancellationToken stop)
    {
        var info = await QemuCommand.RunAsync($"reading {source.Name}", ["info", "--output=json", served.Address], null, stop);
        var size = QemuImageTool.Read(info, "virtual-size", source.Name);
        if (size - source.VirtualSizeBytes is < 0 or >= 512)
        {
            throw Refusal.Conflict($"{source.Name} is not imported: its header says {source.VirtualSizeBytes} bytes, QEMU reads {size}. Convert it to qcow2 with the program that made it; nothing was written.");
        }
    }
}
