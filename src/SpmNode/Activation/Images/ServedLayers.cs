using OvirtSpm.Node.Activation.Nbd;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Activation.Images;

/// <summary>The extents of some volumes on sockets of their own, for QEMU's tools and for as long as one piece of work lasts.</summary>
sealed class ServedLayers : IAsyncDisposable
{
    /// <summary>How long a write waits for its extents: a commit takes milliseconds, one behind many others seconds.</summary>
    static readonly TimeSpan GrowLimit = TimeSpan.FromSeconds(30);

    readonly List<(VolumeExport Export, IServedVolume Served)> open = [];

    readonly List<ImageLayer> layers;

    readonly ScratchDirectory directory;

    ServedLayers(ScratchDirectory directory, IEnumerable<ImageLayer> layers) => (this.directory, this.layers) = (directory, [.. layers]);

    /// <summary>For this work alone.</summary>
    public string Directory => directory.Path;

    /// <param name="mayWrite">R13: asked before every write; null serves everything read-only.</param>
    /// <param name="writable">Which of the layers may be written.</param>
    public static async Task<ServedLayers> ServeAsync(
        PoolDomain domain, IVolumeServer server, string scratch, TimeProvider clock,
        IReadOnlyList<ImageLayer> layers, Func<bool>? mayWrite, Func<ImageLayer, bool> writable, GrowLayer? grow = null)
    {
        var all = new ServedLayers(ScratchDirectory.Create(scratch, QemuImager.SocketPrefix), layers);
        try
        {
            foreach (var layer in layers)
            {
                var table = new SegmentTable(layer.Segments.Select(segment => domain.Devices.Segment(layer.Volume, segment)), 0, 0);
                var grows = grow is not null && writable(layer);
                var options = new VolumeExportOptions(layer.Volume, grows ? layer.SizeBytes : Math.Min(layer.SizeBytes, table.AllocatedBytes))
                {
                    HoldLimit = grows ? GrowLimit : TimeSpan.Zero,
                    ReadOnly = mayWrite is null || !writable(layer),
                };
                VolumeExport? export = null;
                export = new VolumeExport(options, table, domain.Lun.SectorSize, new GrowthCallback(
                    (bytes, _) => grows ? GrowAsync(export!, grow!, bytes, segment => domain.Devices.Segment(layer.Volume, segment)) : Task.FromResult(GrowthAnswer.PoolFull)), clock);
                all.open.Add((export, server.Serve(all.SocketOf(layer), options.ReadOnly ? export : new GuardedExport(export, mayWrite!))));
            }
            return all;
        }
        catch
        {
            await all.DisposeAsync();
            throw;
        }
    }

    static async Task<GrowthAnswer> GrowAsync(VolumeExport export, GrowLayer grow, long bytes, Func<SegmentReply, VolumeSegment> locate)
    {
        try
        {
            // R12: the table only ever gets longer; the export refuses any other.
            return export.Grow(new SegmentTable((await grow(bytes)).Select(locate), 0, 0)) is GrowOutcome.Grown ? GrowthAnswer.Granted : GrowthAnswer.PoolFull;
        }
        catch (Refusal)
        {
            // The write fails with "no space"; whoever sent it may send it again when there is some.
            return GrowthAnswer.PoolFull;
        }
    }

    /// <summary>Short: the path of a Unix socket has 103 bytes, and two uuids are in it already.</summary>
    public string SocketOf(ImageLayer layer) => directory.At($"{layers.IndexOf(layer)}");

    public string UriOf(ImageLayer layer) => $"nbd+unix:///{layer.Volume}?socket={SocketOf(layer)}";

    /// <summary>R8, R13: however the tool ended, its writes may still be in the kernel. Until they returned the extents stay ours.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var (_, served) in open)
        {
            await served.DisposeAsync();
        }
        foreach (var (export, _) in open)
        {
            await export.DeactivateAsync(Timeout.InfiniteTimeSpan);
        }
        directory.Dispose();
    }
}
