using OvirtSpm.Interop.Cli;
using OvirtSpm.Interop.Demo;
using OvirtSpm.Interop.Nbd;
using OvirtSpm.Node;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Interop.Nodes;

/// <summary>A chain that moves between two pools whose nodes run; qemu-img judges the disk, lvm2 the groups.</summary>
public sealed class NodeMoveTests
{
    const int Mib = 1 << 20;

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_chain_moves_between_running_pools_also_when_the_node_that_it_leaves_is_killed_half_way()
    {
        CliLun.SkipWithoutLoop();
        DemoTools.Need("qemu-img", "qemu-io", "qemu-storage-daemon");
        await using var one = await NodeCluster.CreateAsync();
        await using var other = await NodeCluster.CreateAsync();
        var (here, there) = (await one.StartAsync(1), await other.StartAsync(1));
        await Task.WhenAll(NodeCluster.LeaderAsync([here], Patience), NodeCluster.LeaderAsync([there], Patience));
        var (top, before) = (await FillAsync(one, here), one.Run.At("before"));
        Done(await one.SpmAsync("volume", "export", top, before, "--format", "raw", "--url", here.Url));

        // What is asked in another way than is meant, and what somebody uses.
        Assert.Equal(2, (await one.SpmAsync("volume", "move", top, "--url", here.Url, "--to-lun", other.Lun)).ExitCode);
        Refused("both ends", await MoveAsync(one, top, here, here));
        Refused("is the parent of", await MoveAsync(one, "disk", here, there));
        Refused("none from there is arriving", await MoveAsync(one, "nothing", here, there));
        await here.Client.ActivateAsync(top, readOnly: false);
        Refused("in use on the SPM's host", await MoveAsync(one, top, here, there));
        await here.Client.DeactivateAsync(top);
        Assert.Empty(await there.Client.ListVolumesAsync());

        here = await KillHalfWayAsync(one, top, here, there);

        // What the dead SPM had is settled by its own next life, and so is what it held for the move.
        await EndsAsync(one, top, here, there);
        Assert.Empty(await here.Client.ListVolumesAsync());
        Assert.All(await there.Client.ListVolumesAsync(), volume => Assert.Equal("ready", volume.State));
        Assert.Equal(["disk", "top"], (await there.Client.ListVolumesAsync()).Select(volume => volume.Alias).Order());

        // A guest's disk like any other: opened, written, and the same but for that.
        var after = other.Run.At("after");
        Done(await other.SpmAsync("volume", "export", top, after, "--format", "raw", "--url", there.Url));
        Assert.Contains("identical", await NbdTool.RunAsync("qemu-img", "compare", "-f", "raw", "-F", "raw", before, after), StringComparison.Ordinal);
        var active = await there.Client.ActivateAsync(top, readOnly: false);
        await using (var disk = await ChainDisk.OpenAsync(other, active))
        {
            await disk.DoAsync("read -P 3 40M 1M", "write -P 4 60M 1M", "read -P 4 60M 1M");
        }
        await there.Client.DeactivateAsync(top);

        await Task.WhenAll(here.EndAsync(Patience), there.EndAsync(Patience));
        foreach (var cluster in new[] { one, other })
        {
            Done(await cluster.SpmAsync("domain", "check", "--lun", cluster.Lun));
            using var lvm = LvmTool.Attach(cluster.File);
            lvm.MustRun("vgck", cluster.Domain);
            Assert.DoesNotContain("SPM_MOVED", lvm.MustRun("lvs", "-o", "tags", cluster.Domain).Output, StringComparison.Ordinal);
        }
    }

    /// <summary>As often as it is too fast: then it is moved back first.</summary>
    static async Task<TestNode> KillHalfWayAsync(NodeCluster cluster, string volume, TestNode here, TestNode there)
    {
        for (var tries = 0; tries < 5; tries++)
        {
            var moving = MoveAsync(cluster, volume, here, there);
            await NodeCluster.WaitAsync(Patience, "the copy has begun", async () =>
                moving.IsCompleted || (await there.Client.TasksAsync()).Any(task => task is { Kind: "move", HasEnded: false, Progress: > 0 }));
            if (!moving.IsCompleted)
            {
                await here.KillAsync();
                var ended = await moving;
                here = await here.RestartAsync();
                await NodeCluster.LeaderAsync([here], Patience);
                if (ended.ExitCode != 0)
                {
                    Assert.True(ended.ExitCode == 1 && ended.Errors.StartsWith("spm: ", StringComparison.Ordinal), ended.Errors);
                    var states = ((await here.Client.GetVolumeAsync(volume)).State, await StateAsync(there, volume));
                    Assert.True(states is ("ready", null or "arriving"), $"{states}");
                    return here;
                }
            }
            await EndsAsync(cluster, volume, there, here);
        }
        Assert.Fail("five moves of 256 MiB ended before they could be interrupted");
        return here;
    }

    /// <summary>Asked again until it is done: with T = 1 s a busy machine costs a term now and then.</summary>
    static Task EndsAsync(NodeCluster cluster, string volume, TestNode here, TestNode there) =>
        NodeCluster.WaitAsync(Patience, "the move ended", async () =>
        {
            var moved = await MoveAsync(cluster, volume, here, there);
            Assert.True(moved.ExitCode is 0 or 1, moved.Errors);
            NodeCluster.Report($"move: {moved.ExitCode} {moved.Output.Trim()} {moved.Errors.Trim()}");
            return moved.ExitCode == 0;
        });

    /// <summary>A disk with 20 MiB that are not zeros, and a snapshot of it with one more.</summary>
    static async Task<string> FillAsync(NodeCluster cluster, TestNode node)
    {
        var (raw, bytes) = (cluster.Run.At("raw"), new byte[20 * Mib]);
        new Random(1).NextBytes(bytes);
        await File.WriteAllBytesAsync(raw, bytes, TestContext.Current.CancellationToken);
        Done(await cluster.SpmAsync("volume", "import", raw, "--format", "raw", "--size", "1G", "--alias", "disk", "--url", node.Url));
        var top = $"{Guid.NewGuid()}";
        await node.Client.CreateVolumeAsync(new Node.Api.CreateVolumeRequest(top, null, 0, "cow", "top", false, Parent: "disk"));
        var active = await node.Client.ActivateAsync(top, readOnly: false);
        await using (var disk = await ChainDisk.OpenAsync(cluster, active))
        {
            await disk.DoAsync("write -P 3 40M 1M");
        }
        await node.Client.DeactivateAsync(top);
        return top;
    }

    static async Task<string?> StateAsync(TestNode node, string volume) => (await node.Client.ListVolumesAsync()).SingleOrDefault(one => one.Volume == volume)?.State;

    static Task<ToolOutcome> MoveAsync(NodeCluster cluster, string volume, TestNode from, TestNode to) =>
        cluster.SpmAsync("volume", "move", volume, "--url", from.Url, "--to-url", to.Url);

    static void Done(ToolOutcome outcome) => Assert.True(outcome.ExitCode == 0, outcome.Output + outcome.Errors);

    static void Refused(string why, ToolOutcome outcome)
    {
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains(why, outcome.Errors, StringComparison.Ordinal);
    }
}
