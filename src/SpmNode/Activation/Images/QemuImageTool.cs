using System.Text.Json;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Foreign;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Activation.Images;

/// <summary>QEMU's own tools do the work on contents; they reach the extents through sockets of ours, and nothing else.</summary>
/// <param name="scratch">Where the sockets are, each piece of work in a directory of its own.</param>
sealed class QemuImageTool(PoolDomain domain, IVolumeServer server, string scratch, TimeProvider clock) : IImageTool
{
    /// <summary>qemu-img check: clusters that are counted and not used, as a QEMU that was killed leaves them. They only make the end larger.</summary>
    const int LeaksOnly = 3;

    public async Task<long> MeasureAsync(IReadOnlyList<ImageLayer> chain, VolumeFormat target, CancellationToken stop)
    {
        await using var served = await ServeAsync(chain, null, _ => false);
        await using var daemon = await StorageDaemon.OpenAsync(served, chain, _ => false, clock, stop);
        var address = await daemon.ExportAsync(stop);
        var measured = await QemuCommand.RunAsync(
            $"measuring volume {chain[0].Volume}", ["measure", "--output=json", "-f", "raw", "-O", Name(target), address], null, stop);
        return Read(measured, "required", $"volume {chain[0].Volume}");
    }

    public async Task<long> EndOffsetAsync(ImageLayer image, CancellationToken stop)
    {
        await using var served = await ServeAsync([image], null, _ => false);
        var report = await QemuCommand.RunAsync($"checking volume {image.Volume}", ["check", "--output=json", Alone(served, image)], null, stop, LeaksOnly);
        return Read(report, "image-end-offset", $"volume {image.Volume}");
    }

    public async Task CommitAsync(IReadOnlyList<ImageLayer> chain, Func<bool> mayWrite, IProgress<double> progress, CancellationToken stop)
    {
        // QEMU opens both for writing; of the leaf nothing is written: the job leaves it as it is.
        bool Writable(ImageLayer layer) => layer == chain[0] || layer == chain[1];
        await using var served = await ServeAsync(chain, mayWrite, Writable);
        await using var daemon = await StorageDaemon.OpenAsync(served, chain, Writable, clock, stop);
        await daemon.CommitAsync(progress, stop);
    }

    public async Task CopyAsync(IReadOnlyList<ImageLayer> chain, ImageLayer target, Func<bool> mayWrite, IProgress<double> progress, CancellationToken stop)
    {
        await using var served = await ServeAsync([.. chain, target], mayWrite, layer => layer == target);
        await using var daemon = await StorageDaemon.OpenAsync(served, chain, _ => false, clock, stop);
        var address = await daemon.ExportAsync(stop);
        string[] zero = target.Format == VolumeFormat.Cow ? ["--target-is-zero"] : [];
        await QemuCommand.RunAsync(
            $"copying volume {chain[0].Volume}", ["convert", "-p", "-n", .. zero, "-f", "raw", "-O", Name(target.Format), address, served.UriOf(target)], progress, stop);
    }

    public async Task ResizeAsync(ImageLayer image, long capacityBytes, Func<bool> mayWrite, CancellationToken stop)
    {
        await using var served = await ServeAsync([image], mayWrite, _ => true);
        await QemuCommand.RunAsync($"resizing volume {image.Volume}", ["resize", "-q", Alone(served, image), $"{capacityBytes}"], null, stop);
    }

    public async Task NameParentAsync(ImageLayer image, ImageLayer? parent, Func<bool> mayWrite, CancellationToken stop)
    {
        await using var served = await ServeAsync([image], mayWrite, _ => true);
        string[] named = parent is null ? ["-b", ""] : ["-b", parent.Volume, "-F", Name(parent.Format)];
        // Unsafe is the word for "the content is not compared": it is known to be the same.
        await QemuCommand.RunAsync($"naming the parent of volume {image.Volume}", ["rebase", "-q", "-u", "-f", "qcow2", .. named, served.UriOf(image)], null, stop);
    }

    Task<ServedLayers> ServeAsync(IReadOnlyList<ImageLayer> layers, Func<bool>? mayWrite, Func<ImageLayer, bool> writable) =>
        ServedLayers.ServeAsync(domain, server, scratch, clock, layers, mayWrite, writable);

    /// <summary>A cow image without what is below it.</summary>
    static string Alone(ServedLayers served, ImageLayer image) =>
        "json:" + JsonSerializer.Serialize(new Dictionary<string, object?>
        {
            ["driver"] = "qcow2",
            ["backing"] = null,
            ["file"] = new Dictionary<string, object?>
            {
                ["driver"] = "nbd",
                ["server"] = new Dictionary<string, string> { ["type"] = "unix", ["path"] = served.SocketOf(image) },
                ["export"] = image.Volume,
            },
        });

    public static string Name(VolumeFormat format) => format == VolumeFormat.Cow ? "qcow2" : "raw";

    public static string Name(DiskFormat format) => format switch
    {
        DiskFormat.Raw => "raw",
        DiskFormat.Qcow2 => "qcow2",
        DiskFormat.Vpc => "vpc",
        DiskFormat.Vmdk => "vmdk",
        _ => throw new InvalidOperationException("a closed set of formats"),
    };

    /// <param name="image">For people: what was looked at.</param>
    public static long Read(string report, string key, string image)
    {
        try
        {
            using var json = JsonDocument.Parse(report);
            return json.RootElement.GetProperty(key).GetInt64();
        }
        catch (Exception failed) when (failed is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw Refusal.Unavailable($"qemu-img told nothing of '{key}' for {image}: {failed.Message}");
        }
    }
}
