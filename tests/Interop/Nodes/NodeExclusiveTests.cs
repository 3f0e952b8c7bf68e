using OvirtSpm.Node;

namespace OvirtSpm.Interop.Nodes;

/// <summary>A volume that is active under its own lease, and a host that is not SPM and stands still.</summary>
public sealed class NodeExclusiveTests
{
    [Fact]
    public async Task A_stopped_host_with_an_exclusive_volume_is_killed_at_its_deadline_and_does_not_serve_it_again_without_its_lease()
    {
        await using var cluster = await NodeCluster.CreateAsync();
        var nodes = await cluster.StartAsync(1, 2, 3);
        var leader = await NodeCluster.LeaderAsync(nodes, TimeSpan.FromSeconds(60));
        var (holder, plain) = nodes.Where(node => node != leader).ToArray() is [var first, var second] ? (first, second) : throw new InvalidOperationException();
        var (exclusive, other) = (await NodeCluster.CreateVolumeAsync(leader), await NodeCluster.CreateVolumeAsync(leader));
        await holder.Client.ActivateAsync($"{exclusive}", readOnly: false, exclusive: true);
        await plain.Client.ActivateAsync($"{other}", readOnly: false);
        Assert.True(Assert.Single((await holder.Client.StatusAsync()).Active).Exclusive);

        holder.Freeze();
        plain.Freeze();
        // 8 T after its last renewal; nobody else ends it.
        await holder.Process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        Assert.False(plain.Process.HasExited, "nothing of a host whose volumes are not exclusive ends at its deadline (R12)");
        plain.Thaw();

        var again = await holder.RestartAsync();
        await again.SaysAsync("was active exclusively");
        Assert.Empty((await again.Client.StatusAsync()).Active);
        // Cleared by its owner, so anybody may have it.
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(30), "the leader activates it", async () =>
            (await leader.Client.ActivateAsync($"{exclusive}", readOnly: false, exclusive: true)).Exclusive);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => again.Client.ActivateAsync($"{exclusive}", readOnly: false, exclusive: true));
        Assert.Contains("active for writing on 'host", refusal.Message, StringComparison.Ordinal);
    }
}
