using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Node;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Interop.Nodes;

/// <summary>Who should be SPM, who should not, and who is dead, as a person says it.</summary>
public sealed class NodeHostVerbTests
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Maintenance_preference_and_a_request_record_move_the_role_and_bad_input_is_refused()
    {
        await using var cluster = await NodeCluster.CreateAsync();
        var nodes = await cluster.StartAsync(1, 2);
        var first = await NodeCluster.LeaderAsync(nodes, Patience);
        var second = nodes.Single(node => node != first);
        await NodeCluster.AcquaintedAsync(nodes);

        // Asked of the other node, which sends it on. When nobody is ready at once, it goes on trying.
        await MustAsync(cluster, "host", "maintenance", $"host{first.HostId}", "on", "--url", second.Url);
        await LeadsAsync(second, nodes);
        await RefusedAsync(cluster, "is in maintenance", "host", "handover", "--to", $"{first.HostId}", "--url", first.Url);
        await RefusedAsync(cluster, "stays SPM", "host", "handover", "--url", first.Url);

        // It survives a restart, and a pool whose SPM dies waits rather than use it.
        await first.EndAsync(Patience);
        first = await first.RestartAsync();
        nodes = [first, second];
        await NodeCluster.AcquaintedAsync(nodes);
        Assert.Contains("maintenance", await MustAsync(cluster, "host", "list", "--url", second.Url), StringComparison.Ordinal);
        await MustAsync(cluster, "host", "maintenance", $"{first.HostId}", "off", "--url", first.Url);
        await NodeCluster.AcquaintedAsync(nodes);

        // The preferred one does not steal, it asks.
        var wish = await MustAsync(cluster, "host", "prefer", $"host{first.HostId}", "--url", second.Url);
        Assert.Contains("preferred (50)", wish, StringComparison.Ordinal);
        await LeadsAsync(first, nodes);
        await second.SaysAsync("is preferred (50 to 0)");
        Assert.Equal(50, (await second.Client.HostsAsync()).Single(host => host.HostId == first.HostId).Preference);
        await MustAsync(cluster, "host", "prefer", $"host{first.HostId}", "--level", "0", "--url", second.Url);

        // As sanlock's "request" command does: sector 1 of the resource asks for a version above the one that is held.
        await AskByRecordAsync(cluster.Lun);
        await LeadsAsync(second, nodes);
        await first.SaysAsync("request record");

        await RefusedAsync(cluster, "no host is called 'nobody'", "host", "handover", "--to", "nobody", "--url", first.Url);
        await RefusedAsync(cluster, "was never used", "host", "maintenance", "77", "on", "--url", first.Url);
        await RefusedAsync(cluster, "is the SPM already", "host", "handover", "--to", $"{second.HostId}", "--url", first.Url);
        await RefusedAsync(cluster, "not between 0 and 100", "host", "prefer", "1", "--level", "101", "--url", first.Url);
    }

    [Fact]
    public async Task Only_a_host_that_is_dead_can_be_confirmed_dead_and_its_volumes_are_then_free()
    {
        await using var cluster = await NodeCluster.CreateAsync(extent: "8M");
        var nodes = await cluster.StartAsync(1, 2);
        var spm = await NodeCluster.LeaderAsync(nodes, Patience);
        var other = nodes.Single(node => node != spm);
        await NodeCluster.AcquaintedAsync(nodes);
        var volume = await NodeCluster.CreateVolumeAsync(spm);
        await other.Client.ActivateAsync($"{volume}", readOnly: false);
        string[] Confirm(string host, string name) => ["host", "confirm-dead", host, "--yes", name, "--url", spm.Url];

        await RefusedAsync(cluster, "lives: it renewed", Confirm($"{other.HostId}", $"host{other.HostId}"));
        await RefusedAsync(cluster, "it lives", Confirm($"{spm.HostId}", $"host{spm.HostId}"));
        await RefusedAsync(cluster, "was never used", Confirm("9", "x"));
        await RefusedAsync(cluster, "say which machine is dead", "host", "confirm-dead", $"{other.HostId}", "--url", spm.Url);
        await other.KillAsync();
        await RefusedAsync(cluster, $"is called 'host{other.HostId}', not 'wrong'", Confirm($"{other.HostId}", "wrong"));
        await Assert.ThrowsAsync<Refusal>(() => spm.Client.DeleteVolumeAsync($"{volume}"));

        await NodeCluster.WaitAsync(Patience, "its silence proves it dead", async () =>
            (await spm.Client.HostsAsync()).Single(host => host.HostId == other.HostId).State == "dead");
        var said = await MustAsync(cluster, Confirm($"host{other.HostId}", $"host{other.HostId}"));
        Assert.Contains("1 volumes are free again", said, StringComparison.Ordinal);
        await spm.SaysAsync("was confirmed dead");
        await spm.Client.DeleteVolumeAsync($"{volume}");
        // It comes back after all: nothing is served that is not marked any more.
        other = await other.RestartAsync();
        Assert.Empty((await other.Client.StatusAsync()).Active);
    }

    static async Task AskByRecordAsync(string path)
    {
        using var lun = NodeComposition.OpenLun(path, readOnly: false);
        var domain = await PoolDomain.OpenAsync(lun);
        var sectors = new byte[2 * lun.SectorSize];
        await domain.Leases.ReadAsync(domain.SpmLeaseOffset, sectors);
        Assert.Equal(RecordError.None, LeaderRecord.TryParse(LeaderKind.Resource, sectors.AsSpan(0, lun.SectorSize), out var leader));
        var request = sectors.AsMemory(lun.SectorSize);
        new RequestRecord(RequestRecord.CurrentVersion, leader!.LeaseVersion + 1, Mode: 2).Format(request.Span);
        await domain.Leases.WriteAsync(domain.SpmLeaseOffset + lun.SectorSize, request);
    }

    static Task LeadsAsync(TestNode node, TestNode[] among) => NodeCluster.WaitAsync(Patience, $"host{node.HostId} leads, and everybody knows", async () =>
        (await Task.WhenAll(among.Select(one => one.Client.StatusAsync()))).All(status => status.LeaderId == node.HostId)
        && (await node.Client.StatusAsync()).Role == "leading");

    static async Task<string> MustAsync(NodeCluster cluster, params string[] arguments)
    {
        var run = await cluster.SpmAsync(arguments);
        Assert.True(run.ExitCode == 0, $"{string.Join(' ', arguments)}: {run.Errors}");
        return run.Output;
    }

    static async Task RefusedAsync(NodeCluster cluster, string word, params string[] arguments)
    {
        var run = await cluster.SpmAsync(arguments);
        Assert.True(run.ExitCode is 1 or 2, $"{string.Join(' ', arguments)}: exit {run.ExitCode}, {run.Output}");
        Assert.Contains(word, run.Errors, StringComparison.Ordinal);
        Assert.Equal("", run.Output);
    }
}
