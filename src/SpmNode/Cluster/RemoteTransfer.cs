using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Volumes.Foreign;

namespace OvirtSpm.Node.Cluster;

/// <summary>Makes of a raw disk in a file a new file of another format.</summary>
delegate Task ConvertFile(string raw, string path, DiskFormat format, IProgress<double> progress, CancellationToken stop);

/// <summary>Brings disks in and out through the SPM: the files are this host's, the contents go over HTTP, and what reads as zeros does not.</summary>
/// <param name="open">What a file reads as.</param>
sealed class RemoteTransfer(string url, Func<ImageSource, CancellationToken, Task<IRawDisk>> open, ConvertFile convert) : ITransferVerbs
{
    const int PieceBytes = 4 << 20;

    readonly NodeClient asked = new(url);
    readonly RequestIds ids = new(0, Guid.NewGuid());

    public async Task<VolumeReply> ImportAsync(CreateVolumeRequest request, ImageSource file, IProgress<double> progress, CancellationToken stop)
    {
        await using var disk = await open(file, stop);
        var runs = await disk.RunsAsync(stop);
        await using var spm = await LeaderAsync();
        var transfer = await spm.BeginUploadAsync(new UploadRequest(file.VirtualSizeBytes, request));
        return await InAsync(spm, transfer.Transfer, async () =>
        {
            foreach (var run in runs)
            {
                // QEMU counts whole sectors: what it adds behind the end is not part of the disk.
                await SendAsync(spm, transfer.Transfer, disk, run with { Length = Math.Min(run.Length, file.VirtualSizeBytes - run.Start) }, at => progress.Report((double)at / file.VirtualSizeBytes), stop);
            }
            return await spm.FinishTransferAsync(transfer.Transfer);
        });
    }

    public async Task ExportAsync(string reference, string path, DiskFormat format, IProgress<double> progress, CancellationToken stop)
    {
        await using var spm = await LeaderAsync();
        var transfer = await spm.BeginDownloadAsync(reference, ids.Next());
        var raw = format == DiskFormat.Raw ? path : path + ".raw";
        try
        {
            await InAsync(spm, transfer.Transfer, async () =>
            {
                await using (var file = new FileStream(raw, FileMode.CreateNew))
                {
                    file.SetLength(transfer.SizeBytes);
                    foreach (var extent in await spm.ExtentsAsync(transfer.Transfer))
                    {
                        await ReceiveAsync(spm, transfer.Transfer, file, extent, at => progress.Report((double)at / transfer.SizeBytes), stop);
                    }
                }
                return await spm.FinishTransferAsync(transfer.Transfer);
            });
            if (raw != path)
            {
                await convert(raw, path, format, progress, stop);
            }
        }
        finally
        {
            if (raw != path)
            {
                File.Delete(raw);
            }
        }
    }

    public async Task<MeasureReply> MeasureAsync(string reference, CancellationToken stop) => await asked.MeasureAsync(reference);

    public ValueTask DisposeAsync() => asked.DisposeAsync();

    static async Task SendAsync(NodeClient spm, string transfer, IRawDisk disk, DiskRun run, Action<long> sent, CancellationToken stop)
    {
        var buffer = run.Zero ? [] : new byte[PieceBytes];
        for (var at = run.Start; at < run.Start + run.Length;)
        {
            stop.ThrowIfCancellationRequested();
            var left = run.Start + run.Length - at;
            var piece = buffer.AsMemory(0, (int)Math.Min(buffer.Length, left));
            if (!run.Zero)
            {
                await disk.ReadAsync(at, piece, CancellationToken.None);
            }
            var zero = piece.Span.IndexOfAnyExcept((byte)0) < 0;
            var length = run.Zero ? left : piece.Length;
            await (zero ? spm.ChangeUploadAsync(transfer, new UploadChange.Zero(at, length)) : spm.PutAsync(transfer, at, piece));
            at += length;
            sent(at);
        }
    }

    static async Task ReceiveAsync(NodeClient spm, string transfer, FileStream file, ExtentReply extent, Action<long> came, CancellationToken stop)
    {
        for (var at = extent.Start; !extent.Zero && at < extent.Start + extent.Length; at += PieceBytes)
        {
            stop.ThrowIfCancellationRequested();
            var bytes = await spm.GetAsync(transfer, at, (int)Math.Min(PieceBytes, extent.Start + extent.Length - at));
            if (bytes.AsSpan().IndexOfAnyExcept((byte)0) >= 0)
            {
                await RandomAccess.WriteAsync(file.SafeFileHandle, bytes, at, CancellationToken.None);
            }
            came(at + bytes.Length);
        }
    }

    /// <summary>However it ends, the SPM does not wait for us any longer.</summary>
    static async Task<T> InAsync<T>(NodeClient spm, string transfer, Func<Task<T>> act)
    {
        try
        {
            return await act();
        }
        catch
        {
            await spm.EndTaskAsync(transfer);
            throw;
        }
    }

    /// <summary>Straight to the SPM: a redirect would send every piece twice.</summary>
    async Task<NodeClient> LeaderAsync() => (await asked.StatusAsync()).LeaderUrl is { Length: > 0 } leader
        ? new NodeClient(leader)
        : throw Refusal.Unavailable("there is no SPM at the moment, or it is not known where it answers. Ask again in a few seconds.");
}
