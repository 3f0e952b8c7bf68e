using System.Diagnostics;
using OvirtSpm.Node.Activation.Nbd;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Activation;

/// <summary>Fills new volumes: qemu-img writes the qcow2 through an NBD socket of ours, zeros go straight to the extents.</summary>
/// <param name="scratch">Where the sockets for qemu-img are, each in a directory of its own.</param>
sealed class QemuImager(ILun lun, IVolumeServer server, string pvUuid, string scratch, TimeProvider clock) : IVolumeImager
{
    const string SocketPrefix = "spm-new-";

    /// <summary>R13: no longer without asking the fence.</summary>
    const long ZeroStep = 32L << 20;

    static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public async Task CreateCowAsync(string volume, IReadOnlyList<SegmentReply> segments, long virtualSizeBytes, Func<bool> mayWrite)
    {
        var table = new SegmentTable(segments.Select(Segment), 0, 0);
        var options = new VolumeExportOptions(volume, table.AllocatedBytes) { HoldLimit = TimeSpan.Zero };
        var export = new VolumeExport(options, table, lun.SectorSize, new GrowthCallback((_, _) => Task.FromResult(GrowthAnswer.PoolFull)), clock);
        var directory = Path.Combine(scratch, SocketPrefix + Guid.NewGuid().ToString("N")[..8]);
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            await using (var served = server.Serve(Path.Combine(directory, "nbd.sock"), new GuardedExport(export, mayWrite)))
            {
                await RunAsync(volume, ["create", "-q", "-f", "qcow2", $"nbd+unix:///{volume}?socket={served.SocketPath}", $"{virtualSizeBytes}"]);
            }
        }
        finally
        {
            // R8, R13: however qemu-img ended, its writes may still be in the kernel. Until they returned the extents stay ours:
            // the caller clears the activation map when this returns.
            await export.DeactivateAsync(Timeout.InfiniteTimeSpan);
            Directory.Delete(directory, recursive: true);
        }
    }

    public async Task ZeroAsync(IReadOnlyList<SegmentReply> segments, Func<bool> mayWrite)
    {
        foreach (var segment in segments.Select(Segment))
        {
            for (var done = 0L; done < segment.LengthBytes; done += ZeroStep)
            {
                if (!mayWrite())
                {
                    throw Refusal.NotLeader("this host stopped being SPM while it zeroed a volume's new extents, which nobody sees yet; ask again.");
                }
                await lun.Data.ZeroAsync(segment.DeviceOffsetBytes + done, Math.Min(ZeroStep, segment.LengthBytes - done), mayPunch: false);
            }
        }
        await lun.Data.FlushAsync();
    }

    /// <summary>A process that is killed leaves its sockets: the next one of the same directory removes them.</summary>
    public static void RemoveLeftovers(string scratch)
    {
        foreach (var directory in Directory.GetDirectories(scratch, SocketPrefix + "*"))
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    VolumeSegment Segment(SegmentReply segment) => segment.PvUuid == pvUuid
        ? new VolumeSegment(lun.Data, segment.PvOffsetBytes, segment.LengthBytes)
        : throw Refusal.Conflict($"the new volume lies on device {segment.PvUuid}, which this node does not have open.");

    static async Task RunAsync(string volume, string[] arguments)
    {
        using var process = Start(arguments);
        var complaint = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw Refusal.Unavailable($"qemu-img did not make the image of volume {volume} within {Limit.TotalSeconds:0} s. Is the storage slow?");
        }
        if (process.ExitCode != 0)
        {
            throw Refusal.Unavailable($"qemu-img could not make the image of volume {volume}: {(await complaint).Trim()}");
        }
    }

    static Process Start(string[] arguments)
    {
        try
        {
            return Process.Start(new ProcessStartInfo("qemu-img", arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw Refusal.Unavailable("qemu-img is not installed; it makes the qcow2 images of thin volumes. Install qemu-utils, or create raw volumes.");
        }
    }
}
