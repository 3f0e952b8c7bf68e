using System.Text.Json;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Lab.Hosts;

/// <summary>A pool on one LUN: virtual hosts, a node on each, and what was acknowledged to somebody.</summary>
internal sealed class LabPool : IAsyncDisposable
{
    public const int IoTimeout = 2, WatchdogTimeout = 10;
    private const string Device = "/dev/sda";
    private readonly Dictionary<string, long> _acknowledged = [];
    private readonly List<LabNode> _nodes = [];
    private readonly string _watchdog;
    private readonly string _settings;

    private LabPool(LabRun run, LabLun lun, string watchdog, string settings) => (Run, Lun, _watchdog, _settings) = (run, lun, watchdog, settings);

    public LabRun Run { get; }

    public LabLun Lun { get; }

    public IReadOnlyList<LabNode> Nodes => _nodes;

    /// <param name="watchdog">Of each host.</param>
    public static async Task<LabPool> CreateAsync(int hosts, string watchdog = "none", string settings = "")
    {
        var run = LabRun.Create();
        var pool = new LabPool(run, run.CreateLun("lun", 24L << 30), watchdog, settings);
        try
        {
            var booted = await Task.WhenAll(Enumerable.Range(1, hosts).Select(number => run.BootAsync(number, pool.Lun)));
            await booted[0].DoAsync(
                $"{LabNode.Program} domain create --lun {Device} --io-timeout {IoTimeout} --watchdog-timeout {(watchdog == "none" ? 0 : WatchdogTimeout)} --extent-size 8M");
            pool._nodes.AddRange(booted.Select(host => new LabNode(host, Device)));
            await Task.WhenAll(pool._nodes.Select(node => node.StartAsync(watchdog, settings)));
            return pool;
        }
        catch
        {
            await pool.DisposeAsync();
            throw;
        }
    }

    /// <summary>Boots a host that is off and starts its node.</summary>
    public async Task<LabNode> RestartAsync(LabNode off)
    {
        var node = new LabNode(await Run.BootAsync(off.HostId, Lun), Device);
        _nodes[_nodes.IndexOf(off)] = node;
        await node.StartAsync(_watchdog, _settings);
        return node;
    }

    /// <summary>The one node that leads, once it does.</summary>
    public async Task<LabNode> LeaderAsync(params LabNode[] among)
    {
        LabNode? leader = null;
        await LabWait.UntilAsync(LabWait.Patience, () => $"one of the nodes leads: {string.Join('\n', _nodes.Select(node => node.Log))}", async () =>
        {
            foreach (var node in among.Length > 0 ? among : [.. _nodes])
            {
                leader = await node.StatusAsync() is { Role: "leading" } ? node : leader;
            }

            return leader is not null;
        });
        return leader!;
    }

    /// <summary>A host that came back takes its part again.</summary>
    public static Task FollowsAsync(LabNode node) => IsAsync(node, "following");

    public static async Task<StatusReply> IsAsync(LabNode node, string role)
    {
        StatusReply? seen = null;
        await LabWait.UntilAsync(LabWait.Patience, () => $"{node.Host.Name} is {role}: {seen}; {node.Log}", async () => (seen = await node.StatusAsync())?.Role == role);
        return seen!;
    }

    public async Task<string> CreateVolumeAsync(LabNode by)
    {
        var volume = $"{Guid.NewGuid()}";
        var reply = await AskAsync(by, "/v1/volumes", new CreateVolumeRequest(volume, null, 1L << 30, "cow", null, false));
        _acknowledged[volume] = reply.GetProperty("allocatedBytes").GetInt64();
        return volume;
    }

    public async Task ExtendAsync(LabNode by, string volume, int mebibytes)
    {
        var reply = await AskAsync(by, $"/v1/volumes/{volume}/extend", new ExtendVolumeRequest((long)mebibytes << 20, null, null, null));
        _acknowledged[volume] = reply.GetProperty("allocatedBytes").GetInt64();
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

    /// <summary>Stock lvm2, on a host of the pool with a real device-mapper, accepts the metadata and sees all that was acknowledged.</summary>
    public async Task VerifyAsync(LabNode on)
    {
        const string lvm = "--config 'devices{use_devicesfile=0} global{use_lvmlockd=0}'";
        await on.Host.DoAsync($"PATH=$PATH:/usr/sbin:/sbin; vgck {lvm}");
        var listed = (await on.Host.DoAsync($"PATH=$PATH:/usr/sbin:/sbin; lvs {lvm} --noheadings --nosuffix --units b -o lv_name,lv_size"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToDictionary(words => words[0], words => long.Parse(words[1]));
        Assert.NotEmpty(_acknowledged);
        foreach (var (volume, bytes) in _acknowledged)
        {
            Assert.Equal(bytes, listed.GetValueOrDefault(volume));
        }
    }

    public ValueTask DisposeAsync() => Run.DisposeAsync();
}
