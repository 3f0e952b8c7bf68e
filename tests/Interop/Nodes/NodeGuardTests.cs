using OvirtSpm.Node;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Interop.Nodes;

/// <summary>Nodes at work in a domain that stock lvm2 keeps away from.</summary>
public sealed class NodeGuardTests
{
    const long Mib = 1L << 20;

    [Fact]
    public async Task A_guarded_domain_is_served_grown_and_taken_over_as_any_other()
    {
        Cli.CliLun.SkipWithoutLoop();
        await using var cluster = await NodeCluster.CreateAsync();
        var nodes = await cluster.StartAsync(1, 2);
        var first = await NodeCluster.LeaderAsync(nodes, TimeSpan.FromSeconds(20));
        var second = nodes.Single(node => node != first);
        var volume = await NodeCluster.CreateVolumeAsync(first, 256 * Mib, "raw", noZero: true);
        // Asked of the node that is not the SPM: it sends the request on.
        Assert.True((await TurnAsync(second, on: true)).On);
        await first.Client.ExtendVolumeAsync($"{volume}", new ExtendVolumeRequest(512 * Mib, null, null, null));
        await first.Client.ActivateAsync($"{volume}", readOnly: false);

        await first.KillAsync();
        await NodeCluster.LeaderAsync([second], NodeCluster.FailoverBound + TimeSpan.FromSeconds(20));
        var late = await NodeCluster.CreateVolumeAsync(second, 256 * Mib, "raw", noZero: true);
        var gone = await NodeCluster.CreateVolumeAsync(second, 256 * Mib, "raw", noZero: true);
        await second.Client.DeleteVolumeAsync($"{gone}");
        Assert.True((await second.Client.GuardAsync(new GuardRequest(null))).On);

        using var lvm = LvmTool.Attach(cluster.File);
        var refused = lvm.Run("lvremove", "-y", $"{cluster.Domain}/{late}");
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("system ID ovirt-spm.", refused.Error, StringComparison.Ordinal);
        var seen = lvm.Report("lvs", "lv", "--foreign", cluster.Domain, "-o", "lv_name,lv_size,lv_attr").ToDictionary(lv => lv.GetProperty("lv_name").GetString()!);
        Assert.Equal(10, seen.Count);
        Assert.Equal($"{512 * Mib}", seen[$"{volume}"].GetProperty("lv_size").GetString());
        Assert.All(seen.Values, lv => Assert.StartsWith("-w", lv.GetProperty("lv_attr").GetString(), StringComparison.Ordinal));
        Assert.Equal(RefusalCode.NotFound, (await Assert.ThrowsAsync<Refusal>(() => second.Client.GetVolumeAsync($"{gone}"))).Code);

        Assert.False((await TurnAsync(second, on: false)).On);
        lvm.MustRun("vgck", cluster.Domain);
    }

    /// <summary>Once there is an SPM to do it: with T = 1 s a busy machine costs a term now and then, and asking again is harmless.</summary>
    static async Task<GuardReply> TurnAsync(TestNode node, bool on)
    {
        GuardReply? reply = null;
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(60), "an SPM turned the guard", async () =>
        {
            try
            {
                reply = await node.Client.GuardAsync(new GuardRequest(on));
            }
            catch (Refusal refused) when (refused.Code is RefusalCode.NotLeader or RefusalCode.Unavailable or RefusalCode.OutcomeUnknown)
            {
                return false;
            }
            return true;
        });
        return reply!;
    }
}
