using System.Diagnostics;
using OvirtSpm.Interop;

namespace OvirtSpm.SanlockInterop;

/// <summary>A real sanlock daemon of its own: own run directory, no watchdog, no memory locking, no service. One host of a cluster.</summary>
internal sealed class Sanlock : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private readonly string folder = Directory.CreateTempSubdirectory("spm-sanlock-").FullName;
    private readonly List<Process> started = [];
    private readonly List<string> log = [];
    private readonly Process daemon;

    private Sanlock(string hostName)
    {
        daemon = Start(["daemon", "-D", "-w", "0", "-l", "0", "-h", "0", "-t", "32", "-U", Environment.UserName, "-G", "root", "-e", hostName]);
        daemon.ErrorDataReceived += (_, line) =>
        {
            lock (log)
            {
                log.Add(line.Data ?? "");
            }
        };

        // All the time: a full pipe would stop the daemon.
        daemon.BeginErrorReadLine();
    }

    public static async Task<Sanlock> StartAsync(string hostName)
    {
        var sanlock = new Sanlock(hostName);
        await sanlock.LogAsync("sanlock daemon started");

        // Its log says so before its socket is there.
        await Until.HoldsAsync("the sanlock daemon answers", Patience, async () => (await sanlock.ClientAsync("status")).Code == 0);
        return sanlock;
    }

    /// <summary>Takes a host id.</summary>
    /// <returns>sanlock's result code: 0 when it has it.</returns>
    public async Task<int> JoinAsync(string lockspace, int ioTimeoutSeconds) =>
        Result(await ClientAsync("add_lockspace", "-s", lockspace, "-o", $"{ioTimeoutSeconds}"), "add_lockspace_timeout done ");

    public async Task<int> LeaveAsync(string lockspace) => Result(await ClientAsync("rem_lockspace", "-s", lockspace), "rem_lockspace done ");

    /// <summary>A process in whose name resources are acquired; they are given back when it ends. It ends with the daemon's object.</summary>
    public async Task<Process> HolderAsync()
    {
        var holder = Start(["client", "command", "-c", "/bin/sleep", "600"]);
        await LogAsync($"pid {holder.Id}");
        return holder;
    }

    /// <returns>sanlock's result code: 0 when it holds it; -243 to -247 when another host has it.</returns>
    public async Task<int> AcquireAsync(string resource, Process holder) =>
        Result(await ClientAsync("acquire", "-r", resource, "-p", $"{holder.Id}"), "acquire done ");

    public async Task<int> ReleaseAsync(string resource, Process holder) =>
        Result(await ClientAsync("release", "-r", resource, "-p", $"{holder.Id}"), "release done ");

    public async Task<(int Code, string Text)> ClientAsync(params string[] arguments)
    {
        using var client = Start(["client", .. arguments]);
        client.BeginErrorReadLine();
        var output = await client.StandardOutput.ReadToEndAsync();
        await client.WaitForExitAsync();
        lock (started)
        {
            started.Remove(client);
        }

        return (client.ExitCode, output);
    }

    /// <summary>Does it see this host id so, in the words of its "gets": "h 2 gen 1 timestamp 1650 LIVE"?</summary>
    public async Task<bool> SeesAsync(LeaseStorage storage, int hostId, params string[] what)
    {
        var text = (await ClientAsync("gets", "-h", "1")).Text;
        Assert.Contains(storage.LockspaceName, text, StringComparison.Ordinal);
        return text.Split('\n').Any(line => line.StartsWith($"h {hostId} ", StringComparison.Ordinal) && what.All(line.Contains));
    }

    /// <summary>Waits for a line of its log that contains this, and returns it.</summary>
    public async Task<string> LogAsync(string part)
    {
        string? found = null;
        await Until.HoldsAsync($"sanlock logs '{part}'", Patience, () =>
        {
            lock (log)
            {
                return Task.FromResult((found = log.FirstOrDefault(line => line.Contains(part, StringComparison.Ordinal))) is not null);
            }
        });
        return found!;
    }

    /// <summary>SIGKILL: what it holds is left as it is.</summary>
    public async Task KillAsync()
    {
        daemon.Kill();
        await daemon.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (TestContext.Current.TestState?.Result == TestResult.Failed)
        {
            lock (log)
            {
                TestContext.Current.TestOutputHelper?.WriteLine(string.Join('\n', log.TakeLast(40)));
            }
        }

        Process[] left;
        lock (started)
        {
            left = [.. started];
        }

        foreach (var process in left)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }

        Directory.Delete(folder, recursive: true);
    }

    private Process Start(string[] arguments)
    {
        var start = new ProcessStartInfo(SanlockTool.Program!, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        SanlockTool.SetLibraries(start);
        start.Environment["SANLOCK_RUN_DIR"] = folder;
        start.Environment["SANLOCK_PRIVILEGED"] = "0";
        var process = Process.Start(start)!;
        lock (started)
        {
            started.Add(process);
        }

        return process;
    }

    private static int Result((int Code, string Text) answer, string before)
    {
        var line = answer.Text.Split('\n').SingleOrDefault(line => line.StartsWith(before, StringComparison.Ordinal));
        return line is not null ? int.Parse(line[before.Length..], System.Globalization.CultureInfo.InvariantCulture)
            : throw new InvalidOperationException($"sanlock did not answer '{before}…': {answer.Text} (exit code {answer.Code})");
    }
}
