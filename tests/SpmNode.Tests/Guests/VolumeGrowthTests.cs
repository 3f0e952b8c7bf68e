using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Tests.Storage;

namespace OvirtSpm.Node.Tests.Guests;

public sealed class VolumeGrowthTests
{
    const long Extent = 128L << 20;

    [Fact]
    public async Task An_answer_is_loaded_and_says_who_asks_and_what_epoch_it_knows()
    {
        var (term, host, volume) = await ActiveAsync();
        ExtendVolumeRequest? asked = null;
        host.Spm = (which, request) => Answer(term, which, asked = request);
        Assert.Equal(3 * Extent, (await host.Growth.GrowAsync(volume, 3 * Extent, default)).AllocatedBytes);
        Assert.Equal((2, host.Membership.Generation, term.Term.Fence.Epoch), (asked!.HostId, asked.Generation, asked.Epoch));
        Assert.Equal(3 * Extent, host.Activator.Find(volume)!.Export.AllocatedBytes);
    }

    [Fact]
    public async Task An_answer_for_another_volume_is_not_loaded()
    {
        var (term, host, volume) = await ActiveAsync();
        host.Spm = (which, request) => Answer(term, which, request) with { Volume = $"{Guid.NewGuid()}" };
        Assert.Equal(RefusalCode.Damaged, (await Assert.ThrowsAsync<Refusal>(() => host.Growth.GrowAsync(volume, 3 * Extent, default))).Code);
        Assert.Equal(Extent, host.Activator.Find(volume)!.Export.AllocatedBytes);
    }

    [Fact]
    public async Task Without_a_host_id_no_answer_is_loaded()
    {
        var (term, host, volume) = await ActiveAsync();
        host.Spm = (which, request) => Answer(term, which, request);
        host.Pass(TimeSpan.FromSeconds(9));
        Assert.Equal(RefusalCode.Unavailable, (await Assert.ThrowsAsync<Refusal>(() => host.Growth.GrowAsync(volume, 3 * Extent, default))).Code);
        Assert.Equal(Extent, host.Activator.Find(volume)!.Export.AllocatedBytes);
    }

    [Fact]
    public async Task An_answer_that_was_overtaken_by_a_larger_one_is_as_good()
    {
        var (term, host, volume) = await ActiveAsync();
        ExtendVolumeReply? older = null;
        host.Spm = (which, request) => Answer(term, which, request);
        older = Answer(term, volume, new(2 * Extent, 2, 1, 2));
        await host.Growth.GrowAsync(volume, 4 * Extent, default);
        host.Spm = (_, _) => older;
        Assert.Equal(2 * Extent, (await host.Growth.GrowAsync(volume, 2 * Extent, default)).AllocatedBytes);
        Assert.Equal(4 * Extent, host.Activator.Find(volume)!.Export.AllocatedBytes);
        // One that is older and too small for what is needed is none.
        await Assert.ThrowsAsync<Refusal>(() => host.Growth.GrowAsync(volume, 5 * Extent, default));
    }

    [Fact]
    public async Task Held_writes_get_what_they_need_when_the_pool_has_not_what_would_be_good_to_have()
    {
        var (term, host, volume) = await ActiveAsync();
        host.Spm = (which, request) => request.SizeBytes > 2 * Extent ? throw Refusal.NoSpace("full") : Answer(term, which, request);
        var grown = 0L;
        var requests = host.Growth.ForHeldWrites(volume, size => grown = size);
        Assert.Equal(GrowthAnswer.Granted, await requests.AskAsync(Extent + 4096, default));
        Assert.Equal(2 * Extent, grown);
        Assert.Equal(2, host.Asked.Count);
        Assert.Equal(GrowthAnswer.PoolFull, await requests.AskAsync(2 * Extent + 4096, default));
        host.Spm = (_, _) => throw Refusal.NotLeader("no more");
        Assert.Equal(GrowthAnswer.Later, await requests.AskAsync(2 * Extent + 4096, default));
    }

    /// The chunk that would be good to have is more than is left: the guest still gets what there is, and asks again.
    [Fact]
    public async Task A_threshold_gets_one_extent_when_the_pool_has_not_the_whole_chunk()
    {
        var (term, host, volume) = await ActiveAsync();
        var key = new OvirtSpm.Monitor.Watermark.VolumeKey(host.Domain.Uuid, volume);
        host.Spm = (which, request) => request.SizeBytes > 2 * Extent ? throw Refusal.NoSpace("full") : Answer(term, which, request);
        Assert.Equal(2 * Extent, Assert.IsType<OvirtSpm.Monitor.Watermark.ExtendAnswer.Extended>(await host.Growth.AskAsync(key, 5 * Extent, default)).AllocatedBytes);
        Assert.Equal([5 * Extent, 2 * Extent], host.Asked);
        Assert.Contains("full", Assert.IsType<OvirtSpm.Monitor.Watermark.ExtendAnswer.Refused>(await host.Growth.AskAsync(key, 5 * Extent, default)).Reason, StringComparison.Ordinal);
    }

    static async Task<(TestTerm Term, TestHost Host, Guid Volume)> ActiveAsync()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await term.CreateAsync();
        var host = await TestHost.JoinAsync(term.Lun.OpenAgain(), 2);
        await host.Activator.ActivateAsync($"{volume}", readOnly: false);
        return (term, host, volume);
    }

    static ExtendVolumeReply Answer(TestTerm term, Guid volume, ExtendVolumeRequest request) =>
        term.Extension.ExtendAsync($"{volume}", request).GetAwaiter().GetResult();
}
