using System.Collections.Concurrent;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Interop.Nodes.Faults;

/// <summary>A node as a supervisor keeps it: whatever ends it, it is started again.</summary>
sealed class SupervisedNode(NodeCluster cluster, int hostId, WriteHold? hold = null)
{
    const int SigStop = 19, SigCont = 18;

    /// <summary>Above what a hand-over takes, below the time in which a dead SPM is replaced: a frozen node must not stop a client.</summary>
    public TimeSpan ClientPatience { get; init; } = TimeSpan.FromSeconds(3);

    static readonly ConcurrentDictionary<string, NodeClient> clients = [];

    readonly SemaphoreSlim acting = new(1);
    ChildProcess? process;
    volatile bool ending;

    public int HostId => hostId;

    public int Starts { get; private set; }

    /// <summary>It ended although nobody here ended it.</summary>
    public int OwnDeaths { get; private set; }

    public string Log => File.Exists(cluster.Run.Log($"host{hostId}")) ? File.ReadAllText(cluster.Run.Log($"host{hostId}")) : "";

    string UrlFile => Path.Combine(cluster.StateOf(hostId), "url");

    /// <summary>Null while it has not said where it answers.</summary>
    public NodeClient? Client()
    {
        try
        {
            return File.ReadAllText(UrlFile) is { Length: > 0 } url ? clients.GetOrAdd(url, address => new NodeClient(address, ClientPatience)) : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    public Task StartAsync() => ActAsync(StartInsideAsync);

    public Task KillAsync(TimeSpan down) => ActAsync(async () =>
    {
        process!.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
        await Task.Delay(down);
        await StartInsideAsync();
    });

    public Task TerminateAsync(TimeSpan down) => ActAsync(async () =>
    {
        process!.Terminate();
        // A node whose storage answers ends; one that does not is a supervisor's to kill.
        await Task.WhenAny(process.WaitForExitAsync(CancellationToken.None), Task.Delay(TimeSpan.FromSeconds(20)));
        process.Kill();
        await process.WaitForExitAsync(CancellationToken.None);
        await Task.Delay(down);
        await StartInsideAsync();
    });

    public Task FreezeAsync(TimeSpan still) => ActAsync(async () =>
    {
        Signal(SigStop);
        await Task.Delay(still);
        Signal(SigCont);
    });

    /// <summary>Holds its writes back until somebody else leads, and a while longer.</summary>
    /// <param name="between">Completes when one of two headers has landed, or that takes too long: its writes come one at a time meanwhile.</param>
    /// <param name="replaced">Completes when somebody else leads, or nobody will because of this.</param>
    /// <remarks>Its kernel timer kills it at the deadline; the write that is out keeps it, and its lock (R7), until it has landed.</remarks>
    public Task HoldWritesAsync(Func<Task> between, Func<Task> replaced, TimeSpan longer) => ActAsync(async () =>
    {
        if (!hold!.TryAdd(process!.Pid))
        {
            return; // it died meanwhile (by its own timer): the supervisor's
        }
        try
        {
            hold.Slow(10);
            await between();
            hold.Hold();
            await replaced();
            await Task.Delay(longer);
        }
        finally
        {
            hold.LetGo();
        }
    });

    public Task StutterAsync(TimeSpan time) => ActAsync(async () =>
    {
        for (var left = time; left > TimeSpan.Zero; left -= TimeSpan.FromMilliseconds(120))
        {
            Signal(SigStop);
            await Task.Delay(100);
            Signal(SigCont);
            await Task.Delay(20);
        }
    });

    /// <summary>Starts it again whenever it ended by itself, until told to stop.</summary>
    public async Task SuperviseAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await Task.WhenAny(Task.Delay(100, stop));
            if (process is { HasExited: true } && !ending && acting.CurrentCount > 0)
            {
                await ActAsync(async () =>
                {
                    if (process.HasExited)
                    {
                        OwnDeaths++;
                        await StartInsideAsync();
                    }
                });
            }
        }
    }

    public async Task EndAsync()
    {
        ending = true;
        await acting.WaitAsync();
        Assert.True(await process!.EndAsync(TimeSpan.FromSeconds(60)), $"host {hostId} did not end within 60 s of SIGTERM");
    }

    async Task ActAsync(Func<Task> act)
    {
        await acting.WaitAsync();
        try
        {
            await act();
        }
        finally
        {
            acting.Release();
        }
    }

    async Task StartInsideAsync()
    {
        Directory.CreateDirectory(cluster.StateOf(hostId));
        File.Delete(UrlFile);
        process = await cluster.Children.StartAsync($"host{hostId}", NodeCluster.Program, cluster.Arguments(hostId));
        Starts++;
    }

    // A node that died meanwhile (by its own timer) is the supervisor's.
    void Signal(int signal) => ProcessIdentity.Of(process!.Pid)?.Signal(signal);
}
