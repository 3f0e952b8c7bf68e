using System.Diagnostics;

namespace OvirtSpm.Node.Bench;

/// <summary>A real sanlock daemon of its own under strace: no watchdog, no memory locking, nothing of the machine's.</summary>
/// <remarks>Its leases are libaio requests, which /proc/PID/io does not count; strace sees each with place and length.</remarks>
sealed class TracedSanlock : IAsyncDisposable
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60), Pause = TimeSpan.FromMilliseconds(50);
    readonly string folder, file, trace;
    readonly Process strace;
    Process? holder;

    TracedSanlock(string folder, string file)
    {
        (this.folder, this.file, trace) = (folder, file, Path.Combine(folder, "strace"));
        strace = Drained(Start("strace",
            ["-f", "-y", "-qq", "-s", "4", "-e", "trace=io_submit,pread64,pwrite64,preadv,pwritev,preadv2,pwritev2", "-o", trace, Program,
                "daemon", "-D", "-w", "0", "-l", "0", "-h", "0", "-U", Environment.UserName, "-G", "root", "-e", "bench-sanlock", "-o", "1"]));
    }

    static string Program => Environment.GetEnvironmentVariable("SPM_SANLOCK") is { Length: > 0 } chosen ? chosen : "sanlock";

    /// <returns>Why sanlock cannot be measured here; null when it can.</returns>
    public static string? Missing() =>
        new[] { Program, "strace" }.FirstOrDefault(tool => !CanRun(tool)) is { } missing ? $"not measured: {missing} is not here; SPM_SANLOCK names a sanlock" : null;

    /// <returns>The daemon holding host id 1; null when the tools are missing.</returns>
    public static async Task<TracedSanlock?> StartAsync(string directory, string file, CancellationToken stop)
    {
        if (Missing() is not null)
        {
            return null;
        }
        var daemon = new TracedSanlock(Directory.CreateDirectory(Path.Combine(directory, "sanlock")).FullName, file);
        try
        {
            // Until its socket is there the client says so at once.
            await WaitAsync("sanlock's daemon to join", async () =>
                (await daemon.ClientAsync("add_lockspace", "-s", $"{LeaseBench.Lockspace}:1:{file}:0", "-o", "1")).Contains(" done 0", StringComparison.Ordinal), stop);
            return daemon;
        }
        catch
        {
            await daemon.DisposeAsync();
            throw;
        }
    }

    /// <summary>Returns when the daemon has written itself in as the owner.</summary>
    public async Task HoldAsync(CancellationToken stop)
    {
        holder = Drained(Start(Program, ["client", "command", "-r", $"{LeaseBench.Lockspace}:{LeaseBench.TheirResource}:{file}:{LeaseBench.AreaBytes}", "-c", "/bin/sleep", "3600"]));
        await WaitAsync("sanlock's daemon to acquire", () => Task.FromResult(LeaderWrites() >= 1), stop);
    }

    /// <summary>Ends the holder, waits for the release, and tells what was counted.</summary>
    public async Task<LeaseCost> EndAsync(CancellationToken stop)
    {
        holder!.Kill();
        await WaitAsync("sanlock's daemon to release", () => Task.FromResult(LeaderWrites() >= 2), stop);
        return SanlockTrace.Sort(Seen(), LeaseBench.AreaBytes)
            ?? throw Refusal.Unavailable("strace did not show all of what sanlock's daemon did. Run the measurement again.");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in new[] { holder, strace })
        {
            if (process is { HasExited: false })
            {
                // The daemon ignores SIGTERM while it holds a lockspace, and outlives its tracer unless it is killed with it.
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync();
            }
            process?.Dispose();
        }
    }

    int LeaderWrites() => Seen().Count(io => io.IsWrite && io.OffsetBytes == LeaseBench.AreaBytes);

    IReadOnlyList<LeaseIoRecord> Seen()
    {
        using var text = new StreamReader(new FileStream(trace, FileMode.OpenOrCreate, FileAccess.Read, FileShare.ReadWrite));
        var all = text.ReadToEnd();
        // The last line may still be under the pen.
        return SanlockTrace.Read(all[..(all.LastIndexOf('\n') + 1)].Split('\n'), file);
    }

    async Task<string> ClientAsync(params string[] arguments)
    {
        using var client = Start(Program, ["client", .. arguments]);
        var (output, errors) = (client.StandardOutput.ReadToEndAsync(), client.StandardError.ReadToEndAsync());
        await client.WaitForExitAsync();
        return await output + await errors;
    }

    Process Start(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Environment.GetEnvironmentVariable("SPM_SANLOCK_LIB") is { Length: > 0 } libraries)
        {
            start.Environment["LD_LIBRARY_PATH"] = libraries;
        }
        start.Environment["SANLOCK_RUN_DIR"] = folder;
        start.Environment["SANLOCK_PRIVILEGED"] = "0";
        return Process.Start(start)!;
    }

    /// <summary>A full pipe would stop it in the middle of its work.</summary>
    static Process Drained(Process process)
    {
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    static async Task WaitAsync(string what, Func<Task<bool>> condition, CancellationToken stop)
    {
        var started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(started) > Patience)
            {
                throw Refusal.Unavailable($"waited {Patience.TotalSeconds:0} s in vain for {what}. Run the measurement again, or without strace or sanlock in reach.");
            }
            await Task.Delay(Pause, stop);
        }
    }

    static bool CanRun(string program) => program.Contains('/') ? File.Exists(program)
        : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Concat(["/usr/sbin", "/sbin"]).Any(folder => File.Exists(Path.Combine(folder, program)));
}
