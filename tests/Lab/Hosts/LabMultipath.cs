using System.Globalization;
using System.Text.Json;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Lab.Hosts;

/// <summary>A node on a multipath device of two paths, and a program that writes to a mapped volume of it all the time.</summary>
internal sealed class LabMultipath
{
    private readonly LabHost _host;
    private readonly LabNode _node;

    private LabMultipath(LabHost host, LabNode node) => (_host, _node) = (host, node);

    public static async Task<LabMultipath> StartAsync(LabHost host, string wwid, int ioTimeout)
    {
        await host.DoAsync($"{LabNode.Program} domain create --lun wwid:{wwid} --io-timeout {ioTimeout} --watchdog-timeout 0 --extent-size 8M");
        var node = new LabNode(host, $"wwid:{wwid}");
        await node.StartAsync("--activation dm");
        var started = new LabMultipath(host, node);
        await started.LeadsAsync();
        var volume = $"{Guid.NewGuid()}";
        await node.DoAsync("POST", "/v1/volumes", JsonSerializer.Serialize(new CreateVolumeRequest(volume, null, 1L << 30, "cow", null, false), JsonSerializerOptions.Web));
        await node.DoAsync("POST", $"/v1/volumes/{volume}/activate");
        var device = await LabPool.DeviceAsync(node, volume);
        await host.DoAsync($"(n=0; while [ ! -e /tmp/stop ]; do dd if=/dev/zero of={device} bs=64k count=1 seek=$((n % 16)) oflag=direct conv=notrunc 2>>/tmp/said || touch /tmp/failed; n=$((n + 1)); echo $n >/tmp/written; sleep 0.1; done) </dev/null >/dev/null 2>&1 & echo started");
        await started.WritesOnAsync();
        await started.SeenAsync(2);
        return started;
    }

    public async Task<StatusReply> StatusAsync() => await _node.StatusAsync() ?? throw new InvalidOperationException($"the node does not answer: {_node.Log}");

    public async Task<int> WrittenAsync() =>
        int.TryParse(await _host.DoAsync("cat /tmp/written 2>/dev/null || echo 0"), CultureInfo.InvariantCulture, out var written) ? written : 0;

    public async Task WritesOnAsync()
    {
        var from = await WrittenAsync();
        await LabWait.UntilAsync(LabWait.Patience, () => $"writes go on after {from}", async () => await WrittenAsync() > from + 1);
    }

    /// <summary>The node's status says so.</summary>
    public Task<TimeSpan> SeenAsync(int usable) =>
        LabWait.UntilAsync(LabWait.Patience, () => $"{usable} paths are usable: {_node.Log}", async () => await PathsAsync() == (usable, 2 - usable));

    public Task<TimeSpan> LeadsAsync() =>
        LabWait.UntilAsync(LabWait.Patience, () => $"the node leads: {_node.Log}", async () => await _node.StatusAsync() is { Role: "leading" });

    /// <summary>The program ends, and no write of it failed.</summary>
    public Task EndAsync() => _host.DoAsync("touch /tmp/stop; test ! -e /tmp/failed || { cat /tmp/said; exit 1; }");

    private async Task<(int Usable, int Failed)> PathsAsync()
    {
        var paths = (await _node.StatusAsync())?.Multipath is [var seen] ? seen.Paths : [];
        return (paths.Count(path => path.Usable), paths.Count(path => !path.Usable));
    }
}
