using System.Collections.Concurrent;
using System.Diagnostics;

namespace OvirtSpm.Node.Demo;

/// <summary>Starts programs that die with the demo in every case, its own SIGKILL included.</summary>
/// <remarks>
/// Three nets, one below the other: <see cref="Dispose"/> kills what still runs; <c>setpriv --pdeathsig KILL</c> has the kernel do it when the
/// demo is gone; and what slips through (a demo killed between fork and setpriv) carries <see cref="RunDirectory.Marker"/> and is found by the
/// next run. The kernel's signal is tied to the *thread* that forked, so one thread starts everything and lives as long as this object.
/// </remarks>
sealed class ChildProcesses : IDisposable
{
    readonly BlockingCollection<Action> starts = [];
    readonly List<ChildProcess> children = [];
    readonly RunDirectory run;

    public ChildProcesses(RunDirectory run)
    {
        this.run = run;
        new Thread(StartEverything) { IsBackground = true, Name = "demo children" }.Start();
    }

    /// <param name="name">For people, and for the log.</param>
    /// <exception cref="Refusal">The program is not there or cannot be run.</exception>
    public async Task<ChildProcess> StartAsync(string name, string program, params IEnumerable<string> arguments)
    {
        var process = await OnStartingThread(Describe(program, arguments));
        process.StandardInput.Close();
        var identity = ProcessIdentity.Of(process.Id) ?? new ProcessIdentity(process.Id, 0);
        var child = new ChildProcess(name, process, identity, LogAsync(process, run.Log(name)));
        lock (children)
        {
            children.Add(child);
        }
        return child;
    }

    /// <summary>Runs a program to its end, at most <paramref name="patience"/> long.</summary>
    /// <exception cref="Refusal">The program is not there, cannot be run, or does not end.</exception>
    public async Task<ToolOutcome> RunAsync(
        string program, IEnumerable<string> arguments, TimeSpan patience, CancellationToken stop, IReadOnlyDictionary<string, string>? environment = null)
    {
        var description = Describe(program, arguments);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            description.Environment[name] = value;
        }
        using var process = await OnStartingThread(description);
        process.StandardInput.Close();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(patience);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var errors = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return new(process.ExitCode, await output, await errors);
        }
        catch (OperationCanceledException)
        {
            ProcessIdentity.Of(process.Id)?.Signal(Native.SIGKILL);
            stop.ThrowIfCancellationRequested();
            throw Refusal.Unavailable($"{program} did not end within {patience.TotalSeconds:0} s and was killed.");
        }
    }

    public void Dispose()
    {
        lock (children)
        {
            children.ForEach(child => child.Kill());
            children.ForEach(child => child.Dispose());
            children.Clear();
        }
        starts.CompleteAdding();
        // Children of children (qemu-img under a node): a node that was killed could not end them.
        Leftovers.KillChildren(run.Path);
    }

    ProcessStartInfo Describe(string program, IEnumerable<string> arguments)
    {
        var description = new ProcessStartInfo("setpriv", ["--pdeathsig", "KILL", "--", program, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
            Environment =
            {
                [RunDirectory.Marker] = run.Path,
                // lvm2 lives in sbin, which a plain user's search path leaves out.
                ["PATH"] = Environment.GetEnvironmentVariable("PATH") + ":/usr/local/sbin:/usr/sbin:/sbin",
            },
        };
        // What is set for a node of this machine must not reach the demo's nodes.
        foreach (var setting in description.Environment.Keys.Where(name => name.StartsWith("SPM__", StringComparison.OrdinalIgnoreCase)).ToList())
        {
            description.Environment.Remove(setting);
        }
        return description;
    }

    Task<Process> OnStartingThread(ProcessStartInfo description)
    {
        var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        starts.Add(() =>
        {
            try
            {
                started.SetResult(Process.Start(description)!);
            }
            catch (Exception failed)
            {
                started.SetException(Refusal.Unavailable(
                    $"setpriv cannot be started ({failed.Message}): install util-linux. Without it a killed demo would leave its processes behind."));
            }
        });
        return started.Task;
    }

    void StartEverything()
    {
        foreach (var start in starts.GetConsumingEnumerable())
        {
            start();
        }
    }

    static async Task LogAsync(Process process, string path)
    {
        await using var log = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, 1);
        // Both pipes are emptied: a full one would stop the child in the middle of its work.
        await Task.WhenAll(process.StandardError.BaseStream.CopyToAsync(log), process.StandardOutput.BaseStream.CopyToAsync(log));
    }
}
