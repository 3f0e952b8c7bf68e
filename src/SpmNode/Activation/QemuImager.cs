using OvirtSpm.Node.Activation.Images;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Activation;

/// <summary>Fills new volumes: qemu-img writes the qcow2 through an NBD socket of ours, zeros go straight to the extents.</summary>
/// <param name="scratch">Where the sockets for qemu-img are, each in a directory of its own.</param>
sealed class QemuImager(PoolDomain domain, IVolumeServer server, string scratch, TimeProvider clock) : IVolumeImager
{
    public const string SocketPrefix = "spm-new-";

    /// <summary>R13: no longer without asking the fence.</summary>
    const long ZeroStep = 32L << 20;

    static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public IImageTool Content { get; } = new QemuImageTool(domain, server, scratch, clock);

    public async Task CreateCowAsync(string volume, IReadOnlyList<SegmentReply> segments, long virtualSizeBytes, Func<bool> mayWrite, ParentName? parent = null)
    {
        var layer = new ImageLayer(volume, VolumeFormat.Cow, segments.Sum(segment => segment.LengthBytes), segments);
        await using var served = await ServedLayers.ServeAsync(domain, server, scratch, clock, [layer], mayWrite, _ => true);
        // -u: it would look for the parent under its name, which means nothing on this host.
        string[] below = parent is null ? [] : ["-u", "-b", parent.Volume, "-F", parent.Format == VolumeFormat.Cow ? "qcow2" : "raw"];
        using var limit = new CancellationTokenSource(Limit, clock);
        try
        {
            await QemuCommand.RunAsync(
                $"making the image of volume {volume}", ["create", "-q", "-f", "qcow2", .. below, served.UriOf(layer), $"{virtualSizeBytes}"], null, limit.Token);
        }
        catch (OperationCanceledException)
        {
            throw Refusal.Unavailable($"qemu-img did not make the image of volume {volume} within {Limit.TotalSeconds:0} s. Is the storage slow?");
        }
    }

    public async Task ZeroAsync(IReadOnlyList<SegmentReply> segments, Func<bool> mayWrite)
    {
        // All of them before the first byte: what lies on a device that is not seen is not half done.
        var pieces = segments.Select(segment => domain.Devices.Segment("to be zeroed", segment)).ToList();
        foreach (var segment in pieces)
        {
            for (var done = 0L; done < segment.LengthBytes; done += ZeroStep)
            {
                if (!mayWrite())
                {
                    throw Refusal.NotLeader("this host stopped being SPM while it zeroed a volume's new extents, which nobody sees yet; ask again.");
                }
                await segment.Device.ZeroAsync(segment.DeviceOffsetBytes + done, Math.Min(ZeroStep, segment.LengthBytes - done), mayPunch: false);
            }
        }
        foreach (var device in pieces.Select(piece => piece.Device).Distinct())
        {
            await device.FlushAsync();
        }
    }

    /// <summary>A process that is killed leaves its sockets, and perhaps a tool: the next one of the same directory removes them.</summary>
    public static void RemoveLeftovers(string scratch)
    {
        foreach (var directory in Directory.GetDirectories(scratch, SocketPrefix + "*"))
        {
            StorageDaemon.EndLeftover(directory);
            Directory.Delete(directory, recursive: true);
        }
    }
}
