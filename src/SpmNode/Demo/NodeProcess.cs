using System.Text.Json;

namespace OvirtSpm.Node.Demo;

/// <summary>One host of the demo: a node process of its own and its HTTP interface.</summary>
sealed class NodeProcess : IDisposable
{
    NodeProcess(int hostId, string name, ChildProcess process, NodeApi api) => (HostId, Name, Process, Api) = (hostId, name, process, api);

    public int HostId { get; }
    public string Name { get; }
    public ChildProcess Process { get; }
    public NodeApi Api { get; }

    /// <summary>Starts the node and waits until it answers.</summary>
    /// <exception cref="Refusal">It ended, or does not answer in time; the end of its log is told.</exception>
    public static async Task<NodeProcess> StartAsync(ChildProcesses children, RunDirectory run, string lun, int hostId, CancellationToken stop)
    {
        var name = $"host{hostId}";
        var state = run.At($"{hostId}");
        // A configuration of its own: that of a node installed on this machine is none of the demo's business.
        var config = run.At($"{hostId}.json");
        await File.WriteAllTextAsync(config, JsonSerializer.Serialize(new { RunDirectory = state }), stop);
        var process = await children.StartAsync(
            name, ProgramPath,
            "node", "--config", config, "--lun", lun, "--host-id", $"{hostId}", "--name", name, "--listen", "127.0.0.1:0", "--state", state);
        var url = await WaitForUrlAsync(process, Path.Combine(state, "url"), run.Log(name), stop);
        return new(hostId, name, process, new NodeApi(url.EndsWith('/') ? url : url + "/"));
    }

    /// <summary>This very program: the demo shows what is installed, not something beside it.</summary>
    public static string ProgramPath => Environment.ProcessPath ?? throw new InvalidOperationException("this process has no executable");

    public void Dispose() => Api.Dispose();

    static async Task<string> WaitForUrlAsync(ChildProcess process, string file, string log, CancellationToken stop)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        while (!File.Exists(file))
        {
            if (process.HasExited)
            {
                throw Refusal.Unavailable($"{process.Name} ended with exit code {process.ExitCode}: {LogTail.Of(log)}");
            }
            try
            {
                await Task.Delay(10, patience.Token);
            }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested)
            {
                throw Refusal.Unavailable($"{process.Name} did not open its interface within 60 s: {LogTail.Of(log)}");
            }
        }
        return (await File.ReadAllTextAsync(file, stop)).Trim();
    }
}
