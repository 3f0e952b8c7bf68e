using System.Diagnostics;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Interop.Nodes;

/// <summary>What ends an SPM that cannot end itself, and what becomes of a write that lands late.</summary>
public sealed class NodeFenceTests
{
    /// <summary>8 T.</summary>
    static readonly TimeSpan Expiry = TimeSpan.FromSeconds(8);

    [Fact]
    public async Task An_SPM_that_is_stopped_is_killed_by_the_kernel_at_its_deadline_and_follows_after_its_restart()
    {
        await using var cluster = await NodeCluster.CreateAsync(extent: "8M");
        var nodes = await cluster.StartAsync(1, 2);
        var former = await NodeCluster.LeaderAsync(nodes, TimeSpan.FromSeconds(60));
        var other = nodes.Single(node => node != former);
        var volume = await NodeCluster.CreateVolumeAsync(former);

        var margin = TimeSpan.FromSeconds((await former.Client.StatusAsync()).LeaseMarginSeconds);
        var stopped = Stopwatch.StartNew();
        former.Freeze();
        // Nobody wakes it; a stopped process that ends was killed. The clock that matters is the kernel's, so a busy machine only adds.
        await former.Process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Expiry + TimeSpan.FromSeconds(30));
        var took = stopped.Elapsed;
        Assert.Equal(128 + 9, former.Process.ExitCode);
        Assert.True(took >= margin - TimeSpan.FromSeconds(0.1), $"killed after {took.TotalSeconds:0.00} s, {margin.TotalSeconds:0.00} s were left");
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(60), "the other one leads", async () =>
            (await other.Client.StatusAsync()).Role == "leading");
        var granted = await other.Client.ExtendVolumeAsync($"{volume}", new ExtendVolumeRequest(200L << 20, null, null, null));

        var again = await former.RestartAsync();
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(60), "it follows", async () =>
            (await again.Client.StatusAsync()) is { Role: "following" } status && status.LeaderId == other.HostId);
        Assert.Equal(granted.AllocatedBytes, (await again.Client.GetVolumeAsync($"{volume}")).AllocatedBytes);
        TestContext.Current.SendDiagnosticMessage($"SIGSTOP with {margin.TotalSeconds:0.00} s left to SIGKILL by the kernel: {took.TotalSeconds:0.00} s");
    }

    [Fact]
    public async Task A_follower_that_is_stopped_for_longer_than_a_lease_is_not_killed()
    {
        await using var cluster = await NodeCluster.CreateAsync(extent: "8M");
        var nodes = await cluster.StartAsync(1, 2);
        var leader = await NodeCluster.LeaderAsync(nodes, TimeSpan.FromSeconds(60));
        var follower = nodes.Single(node => node != leader);
        // What its term armed must end with the term, and the next process has armed nothing.
        await leader.EndAsync(TimeSpan.FromSeconds(60));
        await NodeCluster.LeaderAsync([follower], TimeSpan.FromSeconds(60));
        var back = await leader.RestartAsync();

        back.Freeze();
        await Task.Delay(Expiry + TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken);
        Assert.False(back.Process.HasExited);
        back.Thaw();
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(60), "it follows again", async () =>
            (await back.Client.StatusAsync()) is { Role: "following", LeaseMarginSeconds: > 0 });
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_stale_header_that_lands_under_an_SPM_is_noticed_restored_counted_and_told(int copy)
    {
        await using var cluster = await NodeCluster.CreateAsync(extent: "8M");
        var node = await cluster.StartAsync(1);
        await NodeCluster.LeaderAsync([node], TimeSpan.FromSeconds(60));
        using var pv = new LvmFilePv(cluster.Lun);
        var header = (await MetadataReader.ReadAsync([pv])).Copies[copy].AreaOffsetBytes;
        var old = new byte[512];
        await pv.ReadAsync(header, old);
        var volume = await NodeCluster.CreateVolumeAsync(node);
        var seqno = (await node.Client.StatusAsync()).Seqno;

        // As a write of a former SPM would that was queued in its kernel.
        await pv.WriteAsync(header, old);
        await pv.FlushAsync();
        // The scrub's interval is held by a unit test with a clock of its own; here it must only be seconds, whatever this machine does.
        var took = await NodeCluster.WaitAsync(TimeSpan.FromSeconds(30), "the stale write is noticed", async () => (await node.Client.StatusAsync()).StaleWrites == 1);

        TestContext.Current.SendDiagnosticMessage($"stale header to noticed and restored: {took.TotalSeconds:0.00} s");
        var read = await MetadataReader.ReadAsync([pv]);
        Assert.Null(read.Problem);
        Assert.All(read.Copies, one => Assert.IsType<CopyState.Current>(one.State));
        Assert.NotNull(read.Group!.Find(volume.ToString()));
        var status = await node.Client.StatusAsync();
        Assert.Equal(("leading", seqno + 1), (status.Role, status.Seqno));
        Assert.Contains(status.Warnings, warning => warning.Contains("1 stale metadata write", StringComparison.Ordinal));
        await node.SaysAsync("a stale write of a former SPM was found");
        Assert.Contains("\nspm_stale_writes_total 1\n", await node.MetricsAsync(), StringComparison.Ordinal);
    }
}
