using System.Text.Json;
using OvirtSpm.Interop.Demo;

namespace OvirtSpm.Interop.Nodes;

/// <summary>Rules for space, warnings and garbage through the API of running nodes.</summary>
public sealed class NodeSpaceRuleTests
{
    [Fact]
    public async Task Rules_set_at_one_node_hold_at_the_SPM_are_warned_of_once_and_garbage_is_collected_there()
    {
        DemoTools.Need("qemu-img");
        await using var cluster = await NodeCluster.CreateAsync(lunBytes: 12L << 30);
        var nodes = await cluster.StartAsync(1, 2);
        var leader = await NodeCluster.LeaderAsync(nodes, TimeSpan.FromSeconds(20));
        var other = nodes.Single(one => one != leader);
        var set = await cluster.SpmAsync("domain", "set", "--reserve", "10%", "--overcommit", "500%", "--url", other.Url, "--json");
        Assert.True(set.ExitCode == 0, set.Errors);
        var space = JsonDocument.Parse(set.Output).RootElement;
        var (size, reserve) = (space.GetProperty("sizeBytes").GetInt64(), space.GetProperty("reserveBytes").GetInt64());
        Assert.InRange(reserve, size / 10, (size / 10) + (128L << 20));

        // All but the reserve: then a creation is refused everywhere, in words with the figures.
        var free = (await leader.Client.StatusAsync()).FreeBytes!.Value;
        var filler = await NodeCluster.CreateVolumeAsync(other, free - reserve, "raw", noZero: true);
        var refusal = await Assert.ThrowsAsync<OvirtSpm.Node.Refusal>(() => NodeCluster.CreateVolumeAsync(other));
        Assert.Equal(OvirtSpm.Node.RefusalCode.NoSpace, refusal.Code);
        Assert.Contains("kept for running guests", refusal.Message, StringComparison.Ordinal);
        refusal = await Assert.ThrowsAsync<OvirtSpm.Node.Refusal>(() => NodeCluster.CreateVolumeAsync(other, 6 * size));
        Assert.Contains("over-commit of 500 %", refusal.Message, StringComparison.Ordinal);
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(20), "the SPM warns", async () =>
            (await leader.Client.StatusAsync()) is { Space.Level: "reserve" } status && status.Warnings.Any(warning => warning.Contains("kept for running guests", StringComparison.Ordinal)));
        Assert.Equal(1, leader.Log.Split("kept for running guests: new volumes are refused").Length - 1);
        Assert.Contains("spm_space_level 3", await leader.MetricsAsync(), StringComparison.Ordinal);

        await other.Client.DeleteVolumeAsync($"{filler}");
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(20), "all is well", async () => (await leader.Client.StatusAsync()) is { Space.Level: "ample" });

        var dry = await cluster.SpmAsync("domain", "gc", "--url", other.Url);
        Assert.True(dry.ExitCode == 0, dry.Errors);
        Assert.Contains("slot 1: ", dry.Output, StringComparison.Ordinal);
        Assert.Contains("1 would be collected with --yes", dry.Output, StringComparison.Ordinal);
        var collected = await cluster.SpmAsync("domain", "gc", "--yes", "--url", other.Url);
        Assert.True(collected.ExitCode == 0, collected.Errors + collected.Output);
        Assert.Contains("1 of 1 collected", collected.Output, StringComparison.Ordinal);
        Assert.Empty((await other.Client.GarbageAsync(collect: true)).Items);
    }
}
