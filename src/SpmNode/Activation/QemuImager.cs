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

    public IImageTransfer Transfer { get; } = new QemuTransfer(domain, server, scratch, clock);

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

    public async Task ZeroAsync(IReadOnlyList<SegmentReply> segments, Func<bool> mayWrite, Action<long>? done = null)
    {
        var pieces = Pieces(segments);
        foreach (var piece in pieces)
        {
            await InStepsAsync(piece, ZeroStep, mayWrite, done, (at, length) => piece.Device.ZeroAsync(at, length, mayPunch: false));
        }
        await FlushAsync(pieces);
    }

    public async Task<IReadOnlyList<string>> DiscardAsync(IReadOnlyList<SegmentReply> segments, Func<bool> mayWrite, Action<long>? done = null)
    {
        var pieces = Pieces(segments);
        foreach (var piece in pieces.Where(piece => piece.Device.DiscardStepBytes > 0))
        {
            await InStepsAsync(piece, Math.Min(piece.Device.DiscardStepBytes, ZeroStep), mayWrite, done, piece.Device.DiscardAsync);
        }
        await FlushAsync(pieces);
        return [.. pieces.Where(piece => piece.Device.DiscardStepBytes == 0).Select(piece => piece.Device.Name).Distinct()];
    }

    /// <summary>All of them before the first byte: what lies on a device that is not seen is not half done.</summary>
    List<VolumeSegment> Pieces(IReadOnlyList<SegmentReply> segments) => [.. segments.Select(segment => domain.Devices.Segment("to be emptied", segment))];

    static async Task InStepsAsync(VolumeSegment piece, long step, Func<bool> mayWrite, Action<long>? done, Func<long, long, ValueTask> act)
    {
        for (var at = 0L; at < piece.LengthBytes; at += step)
        {
            if (!mayWrite())
            {
                throw Refusal.NotLeader("this host stopped being SPM while it emptied extents that nobody uses; ask again.");
            }
            var length = Math.Min(step, piece.LengthBytes - at);
            await act(piece.DeviceOffsetBytes + at, length);
            done?.Invoke(length);
        }
    }

    static async Task FlushAsync(List<VolumeSegment> pieces)
    {
        foreach (var device in pieces.Select(piece => piece.Device).Distinct())
        {
            await device.FlushAsync();
        }
    }

    /// <summary>A process that is killed leaves its sockets, and perhaps a tool: the next one of the same directory removes them.</summary>
    public static void RemoveLeftovers(string scratch) => ScratchDirectory.RemoveLeftovers(scratch, SocketPrefix);
}
