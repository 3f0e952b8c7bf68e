using System.Diagnostics;
using System.Text.Json;
using OvirtSpm.Volumes.Qcow2;

namespace OvirtSpm.Node.Bench;

/// <summary>The end of images, found by us and by <c>qemu-img check</c> on the same file in the same run. Both find it in the page cache.</summary>
static class ImageBench
{
    const int Rounds = 200, PeerRounds = 3;

    public static async Task<ImageBenchResult> RunAsync(string path, CancellationToken stop)
    {
        var first = await EndAsync(path); // the JIT's share is not the reader's
        var microseconds = new List<double>(Rounds);
        for (var i = 0; i < Rounds; i++)
        {
            var started = Stopwatch.GetTimestamp();
            await EndAsync(path);
            microseconds.Add(Stopwatch.GetElapsedTime(started).TotalMicroseconds);
        }
        microseconds.Sort();
        var (peerEnd, peerMilliseconds) = (0L, double.MaxValue);
        for (var i = 0; i < PeerRounds; i++)
        {
            var started = Stopwatch.GetTimestamp();
            peerEnd = await PeerAsync(path, stop);
            peerMilliseconds = Math.Min(peerMilliseconds, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }
        var median = microseconds[Rounds / 2];
        return new ImageBenchResult(
            path, first.EndOffset, first.Reads, first.Method, Math.Round(median, 1), Math.Round(microseconds[Rounds * 99 / 100], 1), "qemu-img check",
            peerEnd, Math.Round(peerMilliseconds, 1), peerEnd == first.EndOffset, Math.Round(peerMilliseconds * 1000 / median, 1));
    }

    /// <summary>1 TiB with all its metadata: 160 MiB of tables in a sparse file.</summary>
    public static async Task<string> CreateAsync(string directory, CancellationToken stop)
    {
        var path = Path.Combine(directory, "tib1.qcow2");
        await QemuImgAsync(["create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", path, "1T"], stop);
        return path;
    }

    static async Task<ImageEnd> EndAsync(string path)
    {
        using var image = NodeComposition.OpenImage(path);
        return await Qcow2End.FindAsync(image);
    }

    static async Task<long> PeerAsync(string path, CancellationToken stop)
    {
        using var report = JsonDocument.Parse(await QemuImgAsync(["check", "-f", "qcow2", "--output=json", path], stop));
        return report.RootElement.GetProperty("image-end-offset").GetInt64();
    }

    static async Task<string> QemuImgAsync(string[] arguments, CancellationToken stop)
    {
        Process process;
        try
        {
            process = Process.Start(new ProcessStartInfo("qemu-img", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw Refusal.Unavailable("qemu-img is not installed; the measurement compares with it. Install qemu-utils.");
        }
        using (process)
        {
            var (output, complaint) = (process.StandardOutput.ReadToEndAsync(stop), process.StandardError.ReadToEndAsync(stop));
            try
            {
                await process.WaitForExitAsync(stop);
            }
            catch (OperationCanceledException)
            {
                process.Kill();
                throw;
            }
            // 2 and 3: damage and leaks, with a report.
            return process.ExitCode is 0 or 2 or 3
                ? await output
                : throw Refusal.Unavailable($"qemu-img {arguments[0]} failed: {(await complaint).Trim()}");
        }
    }
}

/// <summary>What <c>spm bench image --json</c> prints for each image.</summary>
sealed record ImageBenchResult(
    string File, long EndOffset, int Reads, EndMethod Method, double P50Microseconds, double P99Microseconds, string Peer, long PeerEndOffset, double PeerMilliseconds,
    bool SameEnd, double Ratio);
