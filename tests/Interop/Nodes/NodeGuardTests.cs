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
        var on = await second.Client.GuardAsync(new GuardRequest(true));
        Assert.True(on is { On: true, Changed: true });
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

        Assert.False((await second.Client.GuardAsync(new GuardRequest(false))).On);
        lvm.MustRun("vgck", cluster.Domain);
    }
}
