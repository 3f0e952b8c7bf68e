using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Tasks;
using OvirtSpm.Node.Tests.Api;

namespace OvirtSpm.Node.Tests.Tasks;

/// <summary>An id belongs to one piece of work, also where two ask for it at once.</summary>
public sealed class NodeTransfersTests
{
    const string Id = "0.0f8fad5bd9cb469fa16570867728950e.1";

    static readonly CreateVolumeRequest volume = new("eeeeeeee-0000-0000-0000-000000000001", null, 0, "cow", null, false, Id);

    readonly NodeTasks tasks = new(() => null!, new RequestIds(0, Guid.NewGuid()), TimeProvider.System);
    readonly TaskCompletionSource<VolumeReply> running = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// It would have waited for the other's end, and then have been there for ever.
    [Fact]
    public async Task An_upload_or_a_download_under_the_id_of_other_work_is_refused_at_once()
    {
        tasks.Begin(Id, "copy", "v", (_, _) => running.Task);
        var transfers = Transfers();
        foreach (var begin in new[] { () => transfers.BeginUploadAsync(new UploadRequest(1 << 20, volume)), () => transfers.BeginDownloadAsync("v", Id) })
        {
            var refused = await Assert.ThrowsAsync<Refusal>(() => begin().WaitAsync(TimeSpan.FromSeconds(30)));
            Assert.Equal(RefusalCode.Conflict, refused.Code);
            Assert.Contains("of kind copy", refused.Message, StringComparison.Ordinal);
        }
        Nothing(transfers);
    }

    [Fact]
    public async Task An_upload_that_is_asked_for_again_while_the_first_one_ends_gets_its_end_and_leaves_nothing()
    {
        tasks.Begin(Id, "upload", "v", (_, _) => running.Task);
        var transfers = Transfers();
        var again = transfers.BeginUploadAsync(new UploadRequest(1 << 20, volume));
        Assert.False(again.IsCompleted);
        running.SetResult(ScriptedNode.Volume);
        Assert.Equal("done", (await again).State);
        Nothing(transfers);
    }

    NodeTransfers Transfers() => new(tasks, () => null!, TimeProvider.System);

    static void Nothing(NodeTransfers transfers)
    {
        Assert.Equal(RefusalCode.NotFound, Assert.Throws<Refusal>(() => { transfers.Upload(Id); }).Code);
        Assert.Equal(RefusalCode.NotFound, Assert.Throws<Refusal>(() => { transfers.Download(Id); }).Code);
    }
}
