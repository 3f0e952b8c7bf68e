using System.Diagnostics;
using OvirtSpm.Interop.Demo;
using OvirtSpm.Interop.Nodes.Faults;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Interop.Nodes;

/// <summary>R6 without a watchdog: a header that the storage held back until another host is SPM. Real processes, a real block device.</summary>
public sealed class NodeLateWriteTests
{
    /// The scrub looks every second; the rest is for a machine that does other things, too.
    static readonly TimeSpan RepairBound = TimeSpan.FromSeconds(5);

    [Fact]
    public async Task A_header_of_a_killed_SPM_that_lands_after_the_takeover_is_found_and_replaced_and_nothing_acknowledged_is_lost()
    {
        DemoTools.NeedRoot();
        DemoTools.Need("lvm");
        await using var cluster = await NodeCluster.CreateAsync(extent: "8M", device: true);
        using var holds = new HoldList(cluster.Lun, 3);
        Assert.SkipUnless(holds.CanHold, "holding writes back needs the block controller of control groups");
        var nodes = await cluster.StartAsync(1, 2, 3);
        await NodeCluster.AcquaintedAsync(nodes);
        var before = await NodeCluster.CreateVolumeAsync(await NodeCluster.LeaderAsync(nodes, TimeSpan.FromSeconds(60)));
        using var lun = NodeComposition.OpenLun(cluster.Lun, readOnly: true);
        var (spm, hold, asking) = await HoldSecondHeaderAsync(nodes, holds, before, lun);
        var others = nodes.Where(node => node != spm).ToArray();

        // Its deadline passes, the kernel's timer kills it, and it cannot end: its write is out.
        var next = await NodeCluster.LeaderAsync(others, TimeSpan.FromSeconds(60));
        Assert.False(spm.Process.HasExited, "it was not waiting for a write");
        var after = await NodeCluster.CreateVolumeAsync(next);
        var whole = await MetadataReader.ReadAsync([lun.Metadata]);
        Assert.All(whole.Copies, copy => Assert.Equal(whole.Group!.Version, copy.Version));
        var counted = (await next.Client.StatusAsync()).StaleWrites;

        var landing = Stopwatch.StartNew();
        hold.LetGo();
        await spm.Process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        await NodeCluster.WaitAsync(RepairBound, "the scrub has counted it", async () => (await next.Client.StatusAsync()).StaleWrites == counted + 1);
        var repaired = await MetadataReader.ReadAsync([lun.Metadata]);
        var acknowledged = await asking; // ends with the process: until then its sockets are open
        NodeCluster.Report($"a held header landed and was replaced, {landing.Elapsed.TotalMilliseconds:0} ms after it was let go");
        Assert.All(repaired.Copies, copy => Assert.Equal(repaired.Group!.Version, copy.Version));
        Assert.True(repaired.Group!.Version > whole.Group!.Version);
        Assert.NotNull(repaired.Group.Find($"{after}"));
        Assert.InRange(repaired.Group.Find($"{before}")!.SizeBytes, acknowledged, long.MaxValue);
        await next.SaysAsync("a stale write of a former SPM");

        // The former SPM comes back, and an independent reader agrees with everybody.
        var again = await spm.RestartAsync();
        await NodeCluster.LeaderAsync([.. others, again], TimeSpan.FromSeconds(60));
        await NodeCluster.CreateVolumeAsync(again);
        await Task.WhenAll(others.Append(again).Select(node => node.EndAsync(TimeSpan.FromSeconds(60))));
        using var lvm = LvmTool.Attach(cluster.File);
        lvm.MustRun("vgck", cluster.Domain);
        var listed = lvm.Report("lvs", "lv", "-o", "lv_name", cluster.Domain).Select(row => row.GetProperty("lv_name").GetString()).ToList();
        Assert.All([before, after], volume => Assert.Contains($"{volume}", listed));
    }

    /// <summary>Lets an SPM commit, each of its writes a moment after the last, and holds them back when one header of two has landed.</summary>
    static async Task<(TestNode Spm, WriteHold Hold, Task<long> Asking)> HoldSecondHeaderAsync(TestNode[] nodes, HoldList holds, Guid volume, ILun lun)
    {
        for (var tries = 0; tries < 10; tries++)
        {
            var spm = await NodeCluster.LeaderAsync(nodes, TimeSpan.FromSeconds(60));
            var hold = holds.Of(spm.HostId)!;
            Assert.True(hold.TryAdd(spm.Process.Pid), spm.Log);
            hold.Slow(10);
            using var enough = new CancellationTokenSource();
            var asking = ExtendAsync(spm, volume, enough.Token);
            for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromSeconds(10) && !await IsHalfWayAsync(lun); await Task.Delay(5))
            {
            }
            hold.Hold();
            await enough.CancelAsync();
            // What was let through a moment before lands now; and a slow SPM may have handed over.
            await Task.Delay(200);
            if (await IsHalfWayAsync(lun) && (await spm.Client.StatusAsync()).Role == "leading")
            {
                return (spm, hold, asking);
            }
            hold.LetGo();
            await asking;
        }
        Assert.Fail("no second header could be held back in ten tries");
        throw new UnreachableException();
    }

    static async Task<bool> IsHalfWayAsync(ILun lun) =>
        (await MetadataReader.ReadAsync([lun.Metadata])).Copies is [{ Version: { } first }, { Version: { } second }] && first > second;

    /// <returns>The largest size that was acknowledged.</returns>
    static async Task<long> ExtendAsync(TestNode at, Guid volume, CancellationToken stop)
    {
        var size = (await at.Client.GetVolumeAsync($"{volume}")).AllocatedBytes;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                size = (await at.Client.ExtendVolumeAsync($"{volume}", new ExtendVolumeRequest(size + (8L << 20), null, null, null))).AllocatedBytes;
            }
            catch (Refusal)
            {
                // Killed in the middle of it, or not the SPM any more: believed is what was acknowledged.
                return size;
            }
        }
        return size;
    }
}
