using System.Text.Json;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Lab.Hosts;

/// <summary>A pool on one LUN: virtual hosts, a node on each, and what was acknowledged to somebody.</summary>
internal sealed class LabPool : IAsyncDisposable
{
    public const int IoTimeout = 2, WatchdogTimeout = 10;
    private const string Device = "/dev/sda";
    private readonly Dictionary<string, long> _acknowledged = [];
    private readonly Dictionary<ulong, int> _leaderOf = [];
    private readonly List<LabNode> _nodes = [];
    private readonly string _options;

    private LabPool(LabRun run, LabLun lun, string options) => (Run, Lun, _options) = (run, lun, options);

    public LabRun Run { get; }

    public LabLun Lun { get; }

    public IReadOnlyList<LabNode> Nodes => _nodes;

    /// <param name="watchdog">Of each host.</param>
    /// <param name="options">Of each node, which maps its volumes.</param>
    public static async Task<LabPool> CreateAsync(int hosts, string watchdog = "none", string options = "", int sectorSize = 512)
    {
        var run = LabRun.Create();
        var pool = new LabPool(run, run.CreateLun("lun", 24L << 30, sectorSize), $"--activation dm --watchdog {watchdog} {options}");
        try
        {
            var booted = await Task.WhenAll(Enumerable.Range(1, hosts).Select(number => run.BootAsync(number, pool.Lun)));
            await booted[0].DoAsync(
                $"{LabNode.Program} domain create --lun {Device} --io-timeout {IoTimeout} --watchdog-timeout {(watchdog == "none" ? 0 : WatchdogTimeout)} --extent-size 8M");
            pool._nodes.AddRange(booted.Select(host => new LabNode(host, Device)));
            await Task.WhenAll(pool._nodes.Select(node => node.StartAsync(pool._options)));
            return pool;
        }
        catch
        {
            await pool.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a node that ended, and boots its host if that is off.</summary>
    public async Task<LabNode> RestartAsync(LabNode ended)
    {
        var node = new LabNode(ended.Host.IsOn ? ended.Host : await Run.BootAsync(ended.HostId, Lun), Device);
        _nodes[_nodes.IndexOf(ended)] = node;
        await node.StartAsync(_options);
        return node;
    }

    /// <summary>Every host is on and every node runs; one of them leads, and all agree on it.</summary>
    public async Task MendAsync()
    {
        await Task.WhenAll(_nodes.Where(node => node.HasEnded).ToList().Select(RestartAsync));
        await LeaderOfAllAsync();
    }

    /// <summary>The one node that leads, once it does.</summary>
    public async Task<LabNode> LeaderAsync(params LabNode[] among)
    {
        LabNode? leader = null;
        await LabWait.UntilAsync(LabWait.Patience, () => $"one of the nodes leads: {Logs}", async () =>
        {
            foreach (var node in among.Length > 0 ? among : [.. _nodes])
            {
                leader = await StatusAsync(node) is { Role: "leading" } ? node : leader;
            }

            return leader is not null;
        });
        return leader!;
    }

    /// <summary>One node leads, and every other one that runs follows it.</summary>
    public async Task<LabNode> LeaderOfAllAsync()
    {
        LabNode? leader = null;
        await LabWait.UntilAsync(LabWait.Patience, () => $"one node leads and the others follow it: {Logs}", async () =>
        {
            var seen = new List<(LabNode Node, StatusReply? Status)>();
            foreach (var node in _nodes.Where(node => !node.HasEnded))
            {
                seen.Add((node, await StatusAsync(node)));
            }

            var leading = seen.Where(one => one.Status?.Role == "leading").ToList();
            leader = leading.Count == 1 ? leading[0].Node : null;
            return leader is not null && seen.All(one => one.Node == leader || one.Status is { Role: "following" } status && status.LeaderId == leader.HostId);
        });
        return leader!;
    }

    /// <summary>Of a pool of two: the SPM, the other one, and after how many seconds at most that one should lead if the SPM dies.</summary>
    public async Task<(LabNode Leader, LabNode Other, double Bound)> PartsAsync()
    {
        var leader = await LeaderOfAllAsync();
        return (leader, _nodes.Single(node => node != leader), (await leader.StatusAsync())!.FailoverBoundSeconds);
    }

    /// <summary>Takes the role once it is its turn.</summary>
    public async Task<StatusReply> IsAsync(LabNode node, string role)
    {
        StatusReply? seen = null;
        await LabWait.UntilAsync(LabWait.Patience, () => $"{node.Host.Name} is {role}: {seen}; {node.Log}", async () => (seen = await StatusAsync(node))?.Role == role);
        return seen!;
    }

    /// <summary>One writer at a time: no epoch is ever seen to be led by two.</summary>
    private async Task<StatusReply?> StatusAsync(LabNode node)
    {
        var status = await node.StatusAsync();
        if (status is { Role: "leading", Epoch: { } epoch })
        {
            _leaderOf.TryAdd(epoch, node.HostId);
            Assert.Equal(_leaderOf[epoch], node.HostId);
        }
        return status;
    }

    private string Logs => string.Join('\n', _nodes.Select(node => node.Log));

    /// <summary>Where the kernel of a host has a volume.</summary>
    public static async Task<string> DeviceAsync(LabNode node, string volume) => $"/dev/{(await node.StatusAsync())!.Domain}/{volume}";

    public async Task<string> CreateVolumeAsync(LabNode by, int gibibytes = 1)
    {
        var volume = $"{Guid.NewGuid()}";
        var reply = await AskAsync(by, "/v1/volumes", new CreateVolumeRequest(volume, null, (long)gibibytes << 30, "cow", null, false));
        _acknowledged[volume] = reply.GetProperty("allocatedBytes").GetInt64();
        return volume;
    }

    /// <param name="by">The SPM's node, or that of the host where it is active.</param>
    public async Task ExtendAsync(LabNode by, string volume, int mebibytes)
    {
        var reply = await AskAsync(by, $"/v1/volumes/{volume}/extend", new ExtendVolumeRequest((long)mebibytes << 20, null, null, null));
        _acknowledged[volume] = reply.GetProperty("allocatedBytes").GetInt64();
    }

    /// <returns>The code of the answer, and what it says.</returns>
    public async Task<(int Code, string Body)> DeleteAsync(LabNode by, string volume)
    {
        var answer = await by.AskAsync("DELETE", $"/v1/volumes/{volume}");
        if (answer.Code == 200)
        {
            _acknowledged.Remove(volume);
        }
        return answer;
    }

    /// <summary>Asked until it is done, of the SPM where the node says so: an SPM that cannot keep up with its timeouts on a busy machine is
    /// replaced by another one, and asking twice is harmless.</summary>
    private async Task<JsonElement> AskAsync<T>(LabNode node, string path, T content)
    {
        var (code, body) = (0, "");
        await LabWait.UntilAsync(LabWait.Patience, () => $"{path} is done: {code} {body}", async () =>
        {
            (code, body) = await node.AskAsync("POST", path, JsonSerializer.Serialize(content, JsonSerializerOptions.Web));
            if (code == 307)
            {
                foreach (var other in _nodes.Where(other => other != node && other.Host.IsOn))
                {
                    node = await other.StatusAsync() is { Role: "leading" } ? other : node;
                }
            }
            return code is 200 or 201;
        });
        return JsonDocument.Parse(body).RootElement;
    }

    /// <summary>One node leads. Stock lvm2, on a host of the pool with a real device-mapper, accepts the metadata and sees all that was acknowledged.</summary>
    public async Task VerifyAsync(LabNode on)
    {
        await LeaderOfAllAsync();
        Assert.NotEmpty(_acknowledged);
        await LvmAsync(on, "vgck");
        await LvmAsync(on, "pvck", Device);
        var listed = (await LvmAsync(on, "lvs", "--noheadings --nosuffix --units b -o lv_name,lv_size"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToDictionary(words => words[0], words => long.Parse(words[1]));
        foreach (var (volume, bytes) in _acknowledged)
        {
            Assert.Equal(bytes, listed.GetValueOrDefault(volume));
        }
    }

    /// <summary>A stock command that only reads; it must have nothing to complain of.</summary>
    private static async Task<string> LvmAsync(LabNode on, string verb, string arguments = "")
    {
        var outcome = await on.Host.RunAsync($"{verb} {arguments}");
        Assert.True(outcome is { ExitCode: 0, Errors: "" }, $"{verb} on {on.Host.Name}: {outcome.ExitCode} {outcome.Errors}");
        return outcome.Output;
    }

    public ValueTask DisposeAsync() => Run.DisposeAsync();
}
