using System.Diagnostics;
using OvirtSpm.Interop.Demo;

namespace OvirtSpm.Interop.Nodes;

/// <summary>Writes behind the end of a volume when nobody can give space, or none is left.</summary>
public sealed class NodeSpaceTests
{
    static readonly TimeSpan HoldLimit = TimeSpan.FromSeconds(3);

    [Fact]
    public async Task Without_an_SPM_a_held_write_fails_with_ENOSPC_at_the_limit_and_succeeds_under_the_next()
    {
        DemoTools.Need("qemu-system-x86_64");
        await using var cluster = await NodeCluster.CreateAsync();
        var spm = await cluster.StartAsync(1);
        await NodeCluster.LeaderAsync([spm], TimeSpan.FromSeconds(20));
        var node = await cluster.StartAsync(2, "--hold-limit", "3");
        await NodeCluster.LeaderAsync([spm, node], TimeSpan.FromSeconds(20));
        var volume = await NodeCluster.CreateVolumeAsync(node);
        var active = await node.Client.ActivateAsync($"{volume}", readOnly: false);
        await using var qemu = await cluster.StartQemuAsync("guest", active);
        var disk = await qemu.OpenDiskAsync(TestContext.Current.CancellationToken);
        var guest = new GuestData(volume, disk);

        const long Before = (100L << 20) / GuestData.BlockBytes;
        await guest.WriteAsync(0, Before);

        await spm.KillAsync();
        var killed = Stopwatch.StartNew();
        var (block, held) = await guest.WriteUntilNoSpaceAsync(Before);
        NodeCluster.Report($"held {held.TotalSeconds:0.00} s, then ENOSPC; block {block} of an allocation of {active.AllocatedBytes >> 20} MiB");
        Assert.InRange(held, HoldLimit - TimeSpan.FromSeconds(0.2), HoldLimit + TimeSpan.FromSeconds(2));
        // Its own host becomes SPM when the dead one is proven dead; the guest's retry then goes through.
        await NodeCluster.LeaderAsync([node], NodeCluster.FailoverBound + TimeSpan.FromSeconds(2.5) - killed.Elapsed);
        Assert.Equal(0u, await guest.WriteAsync(block));
        await guest.WriteAsync(block + 1, 50);
        await guest.FlushAsync();
        await guest.ReadBackAsync(0, block + 51);
        await disk.DisposeAsync();
        await qemu.QuitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_full_pool_fails_writes_with_ENOSPC_at_once_and_space_helps_at_once()
    {
        DemoTools.Need("qemu-system-x86_64");
        await using var cluster = await NodeCluster.CreateAsync(lunBytes: 12L << 30);
        var node = await cluster.StartAsync(1);
        await NodeCluster.LeaderAsync([node], TimeSpan.FromSeconds(20));
        var volume = await NodeCluster.CreateVolumeAsync(node);
        var active = await node.Client.ActivateAsync($"{volume}", readOnly: false);
        // One extent is left: less than the chunk that would be good to have, and still given to the write that needs it.
        var free = (await node.Client.StatusAsync()).FreeBytes!.Value;
        var filler = await NodeCluster.CreateVolumeAsync(node, free - (128L << 20), "raw", noZero: true);
        await using var qemu = await cluster.StartQemuAsync("guest", active);
        var disk = await qemu.OpenDiskAsync(TestContext.Current.CancellationToken);
        var guest = new GuestData(volume, disk);

        var (block, held) = await guest.WriteUntilNoSpaceAsync(0);
        NodeCluster.Report($"pool full: ENOSPC after {held.TotalMilliseconds:0} ms");
        Assert.True(block * GuestData.BlockBytes > 200L << 20, $"block {block}: the last extent was not used");
        Assert.InRange(held, TimeSpan.Zero, TimeSpan.FromSeconds(2));
        Assert.Equal(0, (await node.Client.StatusAsync()).FreeBytes);
        var refusal = await Assert.ThrowsAsync<OvirtSpm.Node.Refusal>(() => NodeCluster.CreateVolumeAsync(node));
        Assert.Equal(OvirtSpm.Node.RefusalCode.NoSpace, refusal.Code);

        await node.Client.DeleteVolumeAsync($"{filler}");
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(5), "the write goes through", async () => await guest.WriteAsync(block) == 0);
        await guest.FlushAsync();
        await guest.ReadBackAsync(0, block + 1);
        await disk.DisposeAsync();
        await qemu.QuitAsync(TestContext.Current.CancellationToken);
    }
}
