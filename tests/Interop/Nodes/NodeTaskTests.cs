using System.Net.Http.Json;
using OvirtSpm.Interop.Demo;
using OvirtSpm.Node;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;

namespace OvirtSpm.Interop.Nodes;

/// <summary>Long work through real nodes: followed, and told by the next SPM. (Cancelling: NodeTransferTests.)</summary>
public sealed class NodeTaskTests
{
    const long Mib = 1L << 20;

    [Fact]
    public async Task A_copy_and_an_upload_are_followed_and_the_next_SPM_tells_what_became_of_them()
    {
        DemoTools.Need("qemu-img", "qemu-io", "qemu-storage-daemon");
        await using var cluster = await NodeCluster.CreateAsync();
        var spm = await cluster.StartAsync(1);
        await NodeCluster.LeaderAsync([spm], TimeSpan.FromSeconds(60));
        var other = await cluster.StartAsync(2);
        await NodeCluster.LeaderAsync([spm, other], TimeSpan.FromSeconds(60));
        var host = other.Client;
        var source = $"{Guid.NewGuid()}";
        await host.CreateVolumeAsync(new CreateVolumeRequest(source, null, 2048 * Mib, "cow", "source", false));
        await FillAsync(cluster, host, source);
        var ids = new RequestIds(0, Guid.NewGuid());

        var (kept, done) = ($"{Guid.NewGuid()}", ids.Next());
        var task = await host.BeginAsync("v1/volumes", Copy(kept, source, done));
        Assert.Equal((done, "copy", kept), (task.Task, task.Kind, task.Volume));
        var progress = new List<double>();
        while (!task.HasEnded)
        {
            progress.Add(task.Progress);
            task = await host.TaskAsync(done, TimeSpan.FromMilliseconds(50));
        }
        Assert.Equal(("done", 1.0, kept), (task.State, task.Progress, task.Result!.Volume));
        Assert.Equal(progress.Order(), progress);
        Assert.Equal(task, (await host.TasksAsync()).Single(one => one.Task == done) with { Result = task.Result });
        Assert.Equal("done", (await host.CancelTaskAsync(done)).State);
        foreach (var verb in new[] { "show", "wait", "cancel" })
        {
            var told = await cluster.SpmAsync("task", verb, done, "--url", other.Url);
            Assert.True(told.ExitCode == 0 && told.Output.Contains("done, 100", StringComparison.Ordinal), told.Output + told.Errors);
        }
        Assert.Contains(done, (await cluster.SpmAsync("task", "list", "--url", other.Url)).Output, StringComparison.Ordinal);
        // Asked again it is not done again.
        Assert.Equal(kept, (await host.CreateVolumeAsync(Copy(kept, source, done))).Volume);

        // A deletion that wipes: begun at a host that is not the SPM, seen by all, brought to its end.
        var gone = ids.Next();
        task = await host.BeginDeletionAsync($"v1/volumes/{source}?wipe=true&discard=true&request={gone}");
        Assert.Equal((gone, "delete", source, false), (task.Task, task.Kind, task.Volume, task.CanCancel));
        if (!task.HasEnded)
        {
            var refused = await Record.ExceptionAsync(() => host.CancelTaskAsync(gone));
            Assert.True(refused is null or Refusal { Code: RefusalCode.Conflict }, $"{refused}");
        }
        while (!task.HasEnded)
        {
            task = await host.TaskAsync(gone, TimeSpan.FromMilliseconds(50));
        }
        Assert.Equal(("done", 1.0), (task.State, task.Progress));
        Assert.True(task.Deleted!.FreedBytes >= 256 * Mib, $"{task.Deleted}");
        Assert.DoesNotContain(await host.ListVolumesAsync(), volume => volume.Volume == source);
        // Asked again, also for an answer, it is not done again.
        Assert.Equal(source, (await host.DeleteVolumeAsync(source, gone, wipe: true)).Volume);

        // One that waits for us half-way when the role goes to another host: its part is taken back at once, nobody is dead.
        var (left, handed) = ($"{Guid.NewGuid()}", ids.Next());
        using (var early = new HttpClient { BaseAddress = new Uri(spm.Url) })
        using (var begun = await early.PostAsJsonAsync("v1/uploads", new UploadRequest(64 * Mib, new CreateVolumeRequest(left, null, 0, "raw", null, false, handed)), TestContext.Current.CancellationToken))
        {
            Assert.Equal(System.Net.HttpStatusCode.Created, begun.StatusCode);
        }
        await NodeCluster.AcquaintedAsync([spm, other]);
        await host.HandOverAsync(new HandOverRequest("host2", null));
        (spm, other) = (other, spm);
        host = other.Client;
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(60), "what was left half-made is taken back", async () =>
            (await host.TaskAsync(handed)).State == "failed" && (await host.ListVolumesAsync()).All(volume => volume.Volume != left));

        // This one waits for us half-way when its SPM dies; the host that is asked is not the SPM and sends on.
        var (half, open) = ($"{Guid.NewGuid()}", ids.Next());
        using var http = new HttpClient { BaseAddress = new Uri(other.Url) };
        using (var begun = await http.PostAsJsonAsync("v1/uploads", new UploadRequest(64 * Mib, new CreateVolumeRequest(half, null, 0, "cow", null, false, open)), TestContext.Current.CancellationToken))
        {
            Assert.Equal(System.Net.HttpStatusCode.Created, begun.StatusCode);
        }
        using (var zero = await http.PatchAsync(
            $"v1/transfers/{open}/content", JsonContent.Create<UploadChange>(new UploadChange.Zero(0, 16 * Mib)), TestContext.Current.CancellationToken))
        {
            Assert.Equal(System.Net.HttpStatusCode.OK, zero.StatusCode);
        }
        Assert.Equal(("running", 0.25), ((task = await host.TaskAsync(open)).State, task.Progress));
        await spm.KillAsync();
        await NodeCluster.LeaderAsync([other], TimeSpan.FromSeconds(60));
        task = await host.TaskAsync(done);
        Assert.Equal(("done", kept), (task.State, task.Result!.Volume));
        // The dead SPM's map entry keeps the extents until its machine says that nothing is on its way any more.
        Assert.Equal("running", (await host.TaskAsync(open)).State);
        await spm.RestartAsync();
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(60), "what the dead SPM left half-made is taken back", async () =>
            (await host.TaskAsync(open)).State == "failed" && (await host.ListVolumesAsync()).All(volume => volume.Volume != half));
        Assert.Equal(RefusalCode.NotFound, (await Assert.ThrowsAsync<Refusal>(() => host.TaskAsync(ids.Next()))).Code);
        Assert.Equal(RefusalCode.Invalid, (await Assert.ThrowsAsync<Refusal>(() => host.TaskAsync("mine"))).Code);
        var check = await cluster.SpmAsync("domain", "check", "--lun", cluster.Lun);
        Assert.True(check.ExitCode == 0, check.Output + check.Errors);
    }

    static CreateVolumeRequest Copy(string volume, string source, string id) => new(volume, null, 0, "cow", null, false, id, Source: source);

    /// <summary>Enough that its copy reports progress.</summary>
    static async Task FillAsync(NodeCluster cluster, NodeClient host, string volume)
    {
        var active = await host.ActivateAsync(volume, readOnly: false);
        await using (var disk = await ChainDisk.OpenAsync(cluster, active))
        {
            await disk.DoAsync([.. Enumerable.Range(0, 4).Select(i => $"write -P {i + 1} {i * 64}M 64M")]);
        }
        await host.DeactivateAsync(volume);
    }
}
