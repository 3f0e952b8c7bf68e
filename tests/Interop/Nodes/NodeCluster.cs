using System.Diagnostics;
using System.Text.Json;
using OvirtSpm.Interop.Demo;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Interop.Nodes;

/// <summary>One sparse LUN (T = 1 s, W = 0) and the node processes of one test; everything dies with it, by pid.</summary>
sealed class NodeCluster : IAsyncDisposable
{
    public static readonly TimeSpan FailoverBound = TimeSpan.FromSeconds(12.5);

    readonly RunDirectory run = RunDirectory.Create(keep: null, neededBytes: 2L << 30);
    readonly List<TestNode> nodes = [];

    LoopDevice? loop;

    NodeCluster() => (Children, Lun, File) = (new ChildProcesses(run), run.At("lun"), run.At("lun"));

    public ChildProcesses Children { get; }

    public RunDirectory Run => run;

    public string Lun { get; private set; }

    /// <summary>What the LUN lies in.</summary>
    public string File { get; }

    public string Domain { get; private set; } = "";

    public bool KillTimer { get; private init; }

    public static string Program => Path.Combine(AppContext.BaseDirectory, "spm");

    /// <param name="killTimer">False: the kernel does not kill an SPM at its deadline, so that a test sees it wake.</param>
    /// <param name="device">The LUN is a block device, so that the kernel can hold writes back (<see cref="Faults.WriteHold"/>).</param>
    public static async Task<NodeCluster> CreateAsync(long lunBytes = 24L << 30, string extent = "128M", bool killTimer = true, bool device = false)
    {
        DemoTools.Need("qemu-img", "setpriv");
        var cluster = new NodeCluster { KillTimer = killTimer };
        try
        {
            await using (var file = new FileStream(cluster.Lun, FileMode.CreateNew))
            {
                file.SetLength(lunBytes);
            }
            if (device)
            {
                cluster.loop = LoopDevice.Attach(cluster.File, 512, writable: true);
                cluster.Lun = cluster.loop.Path;
            }
            var made = await cluster.SpmAsync(
                "domain", "create", "--lun", cluster.Lun, "--io-timeout", "1", "--watchdog-timeout", "0", "--extent-size", extent, "--json");
            Assert.True(made.ExitCode == 0, made.Errors);
            cluster.Domain = JsonDocument.Parse(made.Output).RootElement.GetProperty("domain").GetString()!;
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public Task<ToolOutcome> SpmAsync(params IEnumerable<string> arguments) =>
        Children.RunAsync(Program, arguments, TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);

    /// <summary>Starts nodes at once and waits until every one of them holds its host id.</summary>
    /// <summary>Over a domain that is there already.</summary>
    public static NodeCluster On(string lun, string domain) => new() { Lun = lun, Domain = domain, KillTimer = true };

    public async Task<TestNode[]> StartAsync(params int[] hostIds) => await Task.WhenAll(hostIds.Select(id => StartAsync(id)));

    public async Task<TestNode> StartAsync(int hostId, params string[] more)
    {
        var process = await Children.StartAsync($"host{hostId}", Program, [.. Arguments(hostId), .. more]);
        var node = new TestNode(this, hostId, process, more);
        lock (nodes)
        {
            nodes.Add(node);
        }
        await node.JoinedAsync();
        return node;
    }

    public IEnumerable<string> Arguments(int hostId, string? name = null, string? state = null, string? lun = null) =>
    [
        "node", "--config", Configuration(hostId), "--lun", lun ?? Lun, "--host-id", $"{hostId}", "--name", name ?? $"host{hostId}",
        "--listen", "127.0.0.1:0", "--state", state ?? StateOf(hostId),
    ];

    public string StateOf(int hostId) => run.At($"{hostId}");

    /// <summary>Returns the one node that leads; all that run agree on it.</summary>
    public static async Task<TestNode> LeaderAsync(IReadOnlyList<TestNode> among, TimeSpan patience)
    {
        TestNode? leader = null;
        await WaitAsync(patience, "every node agrees on one SPM that leads", async () =>
        {
            var said = await Task.WhenAll(among.Select(node => node.Client.StatusAsync()));
            leader = among.Zip(said).FirstOrDefault(pair => pair.Second.Role == "leading").First;
            return leader is not null && said.All(status => status.LeaderId == leader.HostId && (status.LeaderUrl is not null));
        });
        return leader!;
    }

    /// <summary>Every node has seen every other one renew, and knows where it answers: one renewal interval after the last joined.</summary>
    public static Task AcquaintedAsync(IReadOnlyList<TestNode> nodes) => WaitAsync(TimeSpan.FromSeconds(40), "every node knows every other", async () =>
    {
        foreach (var node in nodes)
        {
            var seen = await node.Client.HostsAsync();
            if (!nodes.All(other => seen.Any(host => host.HostId == other.HostId && host.Url == other.Url && host.State == "live")))
            {
                return false;
            }
        }
        return true;
    });

    /// <summary>Asks a running process again and again: there is no event to wait for between processes.</summary>
    public static async Task<TimeSpan> WaitAsync(TimeSpan patience, string what, Func<Task<bool>> holds)
    {
        var started = Stopwatch.StartNew();
        Exception? last = null;
        while (started.Elapsed < patience)
        {
            try
            {
                if (await holds())
                {
                    return started.Elapsed;
                }
            }
            catch (Node.Refusal refusal)
            {
                last = refusal;
            }
            await Task.Delay(20);
        }
        Assert.Fail($"not within {patience.TotalSeconds:0.#} s: {what}. {last?.Message}");
        throw new UnreachableException();
    }

    /// <summary>A measured figure, also for whoever looks on while the tests run.</summary>
    public static void Report(string line)
    {
        TestContext.Current.SendDiagnosticMessage(line);
        TestContext.Current.TestOutputHelper?.WriteLine(line);
    }

    /// <summary>A thin volume, known to every node.</summary>
    public static async Task<Guid> CreateVolumeAsync(TestNode at, long virtualBytes = 8L << 30, string format = "cow", bool noZero = false)
    {
        var volume = Guid.NewGuid();
        await at.Client.CreateVolumeAsync(new CreateVolumeRequest(volume.ToString(), null, virtualBytes, format, null, noZero));
        return volume;
    }

    public Task<DemoQemu> StartQemuAsync(string name, ActivateVolumeReply active) =>
        DemoQemu.StartAsync(Children, run, name, active.BlockDevice, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (TestContext.Current.TestState?.Result == TestResult.Failed)
        {
            foreach (var log in Directory.GetFiles(run.Data, "*.log"))
            {
                TestContext.Current.TestOutputHelper?.WriteLine($"--- {Path.GetFileName(log)}\n{LogTail.Of(log)}");
            }
        }
        foreach (var node in nodes)
        {
            await node.Client.DisposeAsync();
        }
        Children.Dispose();
        loop?.Dispose();
        run.Dispose();
    }

    /// <summary>Of its own: that of a node installed on this machine is none of the test's business; and a short place for sockets.</summary>
    string Configuration(int hostId)
    {
        var path = run.At($"{hostId}.json");
        System.IO.File.WriteAllText(path, JsonSerializer.Serialize(new { RunDirectory = StateOf(hostId), KillTimer }));
        return path;
    }
}
