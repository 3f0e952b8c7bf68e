using System.Diagnostics;

namespace OvirtSpm.Interop;

/// <summary>A real sanlock daemon of its own in a folder of its own: no watchdog, no memory locking, no service.</summary>
internal sealed class SanlockDaemon : IAsyncDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("spm-sanlock-").FullName;
    private readonly Process daemon;

    private SanlockDaemon(string hostName) =>
        daemon = Start(["daemon", "-D", "-w", "0", "-l", "0", "-h", "0", "-U", Environment.UserName, "-G", "root", "-e", hostName, "-o", "1"]);

    /// <summary>Starts it and lets it join; returns when it holds the host id.</summary>
    public static async Task<SanlockDaemon> JoinedAsync(string hostName, string lockspace)
    {
        var started = new SanlockDaemon(hostName);
        var clock = Stopwatch.StartNew();
        var text = "";
        while (clock.Elapsed < TimeSpan.FromSeconds(20))
        {
            // Until its socket is there the client says so at once.
            text = await started.ClientAsync("add_lockspace", "-s", lockspace, "-o", "1");
            if (text.Contains("add_lockspace_timeout done 0", StringComparison.Ordinal))
            {
                return started;
            }

            await Task.Delay(100);
        }

        await started.DisposeAsync();
        throw new InvalidOperationException($"the sanlock daemon did not join {lockspace}: {text}");
    }

    public async Task<string> ClientAsync(params string[] arguments)
    {
        using var client = Start(["client", .. arguments]);
        var output = client.StandardOutput.ReadToEndAsync();
        var errors = client.StandardError.ReadToEndAsync();
        await client.WaitForExitAsync();
        return await output + await errors;
    }

    /// <summary>A process that holds the resource for as long as it lives; it ends at once when the resource is refused.</summary>
    public Process Hold(string resource) => Start(["client", "command", "-r", resource, "-c", "/bin/sleep", "60"]);

    public async ValueTask DisposeAsync()
    {
        if (!daemon.HasExited)
        {
            daemon.Kill(entireProcessTree: true);
        }

        await daemon.WaitForExitAsync();
        daemon.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private Process Start(string[] arguments)
    {
        var start = new ProcessStartInfo(SanlockTool.Program!) { RedirectStandardOutput = true, RedirectStandardError = true };
        SanlockTool.SetLibraries(start);
        start.Environment["SANLOCK_RUN_DIR"] = folder;
        start.Environment["SANLOCK_PRIVILEGED"] = "0";
        Array.ForEach(arguments, start.ArgumentList.Add);
        return Process.Start(start)!;
    }
}
