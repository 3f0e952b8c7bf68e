using OvirtSpm.Interop;
using OvirtSpm.Node;
using OvirtSpm.Node.Api;

namespace OvirtSpm.SanlockInterop;

/// <summary>A node and a daemon on the lockspace and the SPM lease of one domain, as oVirt has them.</summary>
public class WholeNodeTests
{
    private const int OwnerLives = -243;

    [Fact]
    public async Task A_killed_nodes_SPM_lease_is_the_daemons_in_time_and_the_node_stays_away_until_it_is_given_back()
    {
        SanlockTool.SkipWhenMissing();
        await using var node = await WholeNode.CreateDomainAsync(Arithmetic.T);
        await using var daemon = await Sanlock.StartAsync("theirs");
        await node.StartAsync();
        await node.LeadsAsync();
        var ours = await node.LeaderAsync();
        Assert.Equal((1, false), (ours.OwnerId, ours.IsFree));
        Assert.Equal(0, await daemon.JoinAsync(node.Lockspace(5), Arithmetic.T));
        var holder = await daemon.HolderAsync();
        Assert.Equal(OwnerLives, await daemon.AcquireAsync(node.SpmResource, holder));
        Assert.Equal("leading", await node.RoleAsync());

        await node.KillAsync();
        var killed = RenewalWatch.Now;
        int result;
        while ((result = await daemon.AcquireAsync(node.SpmResource, holder)) == OwnerLives)
        {
            await Task.Delay(500);
        }

        var took = RenewalWatch.Now - killed;
        TestContext.Current.TestOutputHelper?.WriteLine($"{took.TotalSeconds:0.0} s from the kill to the daemon's grant");
        Assert.Equal(0, result);

        // Its last renewal was at most one interval before the kill.
        Assert.InRange(took, Arithmetic.Timing.FailoverAtBest, (1.1 * Arithmetic.Timing.HostDead) + Arithmetic.Allowance);
        var theirs = await node.LeaderAsync();
        Assert.Equal((5, false), (theirs.OwnerId, theirs.IsFree));
        Assert.True(theirs.LeaseVersion > ours.LeaseVersion);

        // R23: its owner is no node of ours, so nothing of the pool is touched beside it.
        await node.StartAsync();
        await Until.HoldsAsync("the node follows", TimeSpan.FromSeconds(60), async () => await node.RoleAsync() == "following");
        await Task.Delay(TimeSpan.FromSeconds(3));
        Assert.Equal("following", await node.RoleAsync());
        Assert.Equal(theirs, await node.LeaderAsync());

        Assert.Equal(0, await daemon.ReleaseAsync(node.SpmResource, holder));
        Assert.Equal(0, await daemon.LeaveAsync(node.Lockspace(5)));
        await node.LeadsAsync();
        var again = await node.LeaderAsync();
        Assert.Equal(1, again.OwnerId);
        Assert.True(again.Generation > ours.Generation && again.LeaseVersion > theirs.LeaseVersion);
    }

    [Fact]
    public async Task A_volume_that_is_active_exclusively_is_not_the_daemons_and_the_other_way_round()
    {
        SanlockTool.SkipWhenMissing();
        await using var node = await WholeNode.CreateDomainAsync(Arithmetic.T);
        await using var daemon = await Sanlock.StartAsync("theirs");
        await node.StartAsync();
        await node.LeadsAsync();
        var volume = await node.Client.CreateVolumeAsync(new CreateVolumeRequest($"{Guid.NewGuid()}", null, 1 << 20, "raw", null, NoZero: true));
        Assert.Equal(0, await daemon.JoinAsync(node.Lockspace(5), Arithmetic.T));
        var holder = await daemon.HolderAsync();

        Assert.True((await node.Client.ActivateAsync(volume.Volume, readOnly: false, exclusive: true)).Exclusive);
        Assert.Equal(OwnerLives, await daemon.AcquireAsync(node.VolumeResource(volume), holder));
        await node.Client.DeactivateAsync(volume.Volume);
        Assert.Equal(0, await daemon.AcquireAsync(node.VolumeResource(volume), holder));

        // First seen to renew, then refused with its name; not before its lease is given back.
        await Until.HoldsAsync("the node has seen the daemon renew", TimeSpan.FromSeconds(60), async () =>
            (await node.Client.HostsAsync()).Any(host => host is { HostId: 5, State: "live" }));
        var refusal = await Assert.ThrowsAsync<Refusal>(() => node.Client.ActivateAsync(volume.Volume, readOnly: false, exclusive: true));
        Assert.Equal(RefusalCode.Conflict, refusal.Code);
        Assert.Contains("(host id 5)", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(0, await daemon.ReleaseAsync(node.VolumeResource(volume), holder));
        await node.Client.ActivateAsync(volume.Volume, readOnly: false, exclusive: true);
    }
}
