using System.Diagnostics;
using OvirtSpm.Interop.Demo;
using OvirtSpm.Node;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Interop.Nodes;

/// <summary>Real QEMUs on volumes of real nodes: restarts, moves, thresholds.</summary>
public sealed class NodeGuestTests
{
    const long Blocks = (640L << 20) / GuestData.BlockBytes;

    /// <summary>Half the watermark of a domain with extents of 128 MiB.</summary>
    const long Step = 32L << 20;

    /// The volume is larger than it began, so extends come in the middle; the node dies and stops under it.
    [Fact]
    public async Task A_guest_writes_on_while_its_node_is_killed_then_stopped_and_started_again()
    {
        DemoTools.Need("qemu-system-x86_64");
        await using var cluster = await NodeCluster.CreateAsync();
        var nodes = await cluster.StartAsync(1, 2);
        var leader = await NodeCluster.LeaderAsync(nodes, TimeSpan.FromSeconds(20));
        var node = nodes.Single(one => one != leader);
        var volume = await NodeCluster.CreateVolumeAsync(node);
        var active = await node.Client.ActivateAsync($"{volume}", readOnly: false);
        await using var qemu = await cluster.StartQemuAsync("guest", active);
        var disk = await qemu.OpenDiskAsync(TestContext.Current.CancellationToken);
        var guest = new GuestData(volume, disk);

        var slowest = TimeSpan.Zero;
        await guest.WriteAsync(0, Blocks, async block =>
        {
            var started = Stopwatch.StartNew();
            if (block == Blocks / 3)
            {
                await node.KillAsync();
                node = await node.RestartAsync();
                NodeCluster.Report($"SIGKILL to the node holding its host id again: {started.Elapsed.TotalSeconds:0.00} s; {OvirtSpm.Node.Demo.LogTail.Of(cluster.Run.Log($"host{node.HostId}"))}");
            }
            if (block == Blocks * 2 / 3)
            {
                await node.EndAsync(TimeSpan.FromSeconds(15));
                var ended = started.Elapsed;
                node = await node.RestartAsync();
                NodeCluster.Report($"SIGTERM to the end of a node under a writing guest: {ended.TotalSeconds:0.00} s; back after {started.Elapsed.TotalSeconds:0.00} s");
            }
            slowest = started.Elapsed > slowest ? started.Elapsed : slowest;
        });
        await guest.FlushAsync();
        await guest.ReadBackAsync(0, Blocks);
        await node.SaysAsync("serving volume");
        Assert.Contains((await node.Client.StatusAsync()).Active, served => served.Volume == $"{volume}" && served.AllocatedBytes >= 640L << 20);
        await disk.DisposeAsync();
        await qemu.QuitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_volume_active_elsewhere_is_left_alone_and_reads_the_same_on_the_next_host()
    {
        DemoTools.Need("qemu-system-x86_64");
        await using var cluster = await NodeCluster.CreateAsync();
        var nodes = await cluster.StartAsync(1, 2);
        var leader = await NodeCluster.LeaderAsync(nodes, TimeSpan.FromSeconds(20));
        var other = nodes.Single(one => one != leader);
        var volume = await NodeCluster.CreateVolumeAsync(leader);
        var active = await other.Client.ActivateAsync($"{volume}", readOnly: false);
        Assert.Equivalent(active, await other.Client.ActivateAsync($"{volume}", readOnly: false), strict: true);

        await RefusedAsync(RefusalCode.Conflict, "active for writing on 'host" + other.HostId, () => leader.Client.ActivateAsync($"{volume}", readOnly: false));
        await RefusedAsync(RefusalCode.Conflict, "active on 'host" + other.HostId, () => leader.Client.DeleteVolumeAsync($"{volume}"));
        await RefusedAsync(RefusalCode.Conflict, "ask that node", () => leader.Client.ExtendVolumeAsync($"{volume}", new ExtendVolumeRequest(1L << 30, null, null, null)));
        var offline = await cluster.SpmAsync("volume", "delete", $"{volume}", "--lun", cluster.Lun);
        Assert.Equal(1, offline.ExitCode);
        Assert.Contains(leader.Url, offline.Errors, StringComparison.Ordinal);
        var wiped = await cluster.SpmAsync("domain", "create", "--lun", cluster.Lun, "--wipe");
        Assert.Equal(1, wiped.ExitCode);
        Assert.Contains("is held in domain", wiped.Errors, StringComparison.Ordinal);
        // Asked of the host that has it, the guest's disk grows with it.
        var grown = await other.Client.ExtendVolumeAsync($"{volume}", new ExtendVolumeRequest(512L << 20, null, null, null));
        Assert.Equal(512L << 20, (await other.Client.StatusAsync()).Active.Single().AllocatedBytes);
        Assert.Equal(grown.AllocatedBytes, (await leader.Client.GetVolumeAsync($"{volume}")).AllocatedBytes);

        await WriteAndQuitAsync(cluster, "first", volume, active, first: 0);
        await other.Client.DeactivateAsync($"{volume}");
        var moved = await leader.Client.ActivateAsync($"{volume}", readOnly: false);
        await RefusedAsync(RefusalCode.Conflict, "active for writing on 'host" + leader.HostId, () => other.Client.ActivateAsync($"{volume}", readOnly: false));
        await WriteAndQuitAsync(cluster, "second", volume, moved, first: 100);
        await leader.Client.DeactivateAsync($"{volume}");
        Assert.False(File.Exists(moved.Socket));

        Assert.True((await other.Client.DeleteVolumeAsync($"{volume}")).FreedBytes > 0);
        await RefusedAsync(RefusalCode.NotFound, $"{volume}", () => other.Client.ActivateAsync($"{volume}", readOnly: false));
    }

    [Fact]
    public async Task A_watched_guest_is_extended_before_it_reaches_the_end()
    {
        DemoTools.Need("qemu-system-x86_64");
        await using var cluster = await NodeCluster.CreateAsync();
        var nodes = await cluster.StartAsync(1, 2);
        var leader = await NodeCluster.LeaderAsync(nodes, TimeSpan.FromSeconds(20));
        var node = nodes.Single(one => one != leader);
        var volume = await NodeCluster.CreateVolumeAsync(node);
        var active = await node.Client.ActivateAsync($"{volume}", readOnly: false);
        await using var qemu = await cluster.StartQemuAsync("guest", active);
        var watched = await cluster.SpmAsync("guest", "watch", "--url", node.Url, "--qmp", qemu.WatchSocket, "--name", "g1");
        Assert.True(watched.ExitCode == 0, watched.Errors);
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(10), "the threshold is set", async () =>
            (await node.Client.GuestsAsync()) is [{ Disks: [{ ThresholdBytes: > 0 }] }]);

        var disk = await qemu.OpenDiskAsync(TestContext.Current.CancellationToken);
        var guest = new GuestData(volume, disk);
        // A guest that never runs further ahead than the watermark: each extend then is the threshold's doing, on a slow machine, too.
        await guest.WriteAsync(0, Blocks, async block =>
        {
            if (block == Blocks / 4)
            {
                // Nobody tells the next life of the node again.
                await node.KillAsync();
                node = await node.RestartAsync();
            }
            if (block % (Step / GuestData.BlockBytes) == 0)
            {
                await NodeCluster.WaitAsync(TimeSpan.FromSeconds(30), $"there is room behind block {block}", async () =>
                    (await node.Client.GuestsAsync())[0].Disks[0].AllocatedBytes >= (block * GuestData.BlockBytes) + (2 * Step));
            }
        });
        await guest.FlushAsync();
        Assert.Contains((await node.Client.StatusAsync()).Active, served => served.Volume == $"{volume}" && served.LongestHoldSeconds == 0);
        var latencies = (await node.Client.GuestsAsync())[0].Disks[0].LatenciesMilliseconds.Order().ToList();
        Assert.NotEmpty(latencies);
        NodeCluster.Report($"{latencies.Count} extends by threshold, ms: p50 {latencies[latencies.Count / 2]:0.0} max {latencies[^1]:0.0}");
        var growth = (await node.Client.GetVolumeAsync($"{volume}")).Growth!;
        Assert.True(growth.BytesPerSecond > 0 && growth.LatencySeconds > 0, $"{growth}");
        Assert.Equal(Math.Max(growth.AwaitedBytes, growth.MinimumWatermarkBytes), growth.WatermarkBytes);
        var said = await cluster.SpmAsync("volume", "info", $"{volume}", "--url", node.Url);
        Assert.Matches(@"watermark +\S+ MiB \(\d+ bytes\) = max\(4 × ", said.Output);
        Assert.Contains("measured: highest write", said.Output, StringComparison.Ordinal);
        await guest.ReadBackAsync(0, Blocks);
        Assert.Equal(0, (await cluster.SpmAsync("guest", "forget", "g1", "--url", node.Url)).ExitCode);
        Assert.Empty(await node.Client.GuestsAsync());
        var unknown = await cluster.SpmAsync("guest", "forget", "g1", "--url", node.Url);
        Assert.Equal(1, unknown.ExitCode);
        Assert.Contains("no guest 'g1' is watched here", unknown.Errors, StringComparison.Ordinal);
        await disk.DisposeAsync();
        await qemu.QuitAsync(TestContext.Current.CancellationToken);
    }

    static async Task WriteAndQuitAsync(NodeCluster cluster, string name, Guid volume, ActivateVolumeReply active, long first)
    {
        await using var qemu = await cluster.StartQemuAsync(name, active);
        var disk = await qemu.OpenDiskAsync(TestContext.Current.CancellationToken);
        var guest = new GuestData(volume, disk);
        await guest.ReadBackAsync(0, first);
        await guest.WriteAsync(first, 100);
        await guest.FlushAsync();
        await disk.DisposeAsync();
        await qemu.QuitAsync(TestContext.Current.CancellationToken);
    }

    static async Task RefusedAsync(RefusalCode code, string word, Func<Task> act)
    {
        var refusal = await Assert.ThrowsAsync<Refusal>(act);
        Assert.Equal(code, refusal.Code);
        Assert.Contains(word, refusal.Message, StringComparison.Ordinal);
    }
}
