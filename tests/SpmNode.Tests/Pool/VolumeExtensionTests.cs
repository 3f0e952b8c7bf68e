using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Pool;

public sealed class VolumeExtensionTests
{
    const long Extent = 128L << 20;

    [Fact]
    public async Task Raw_extends_at_once_end_with_the_largest_capacity()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await term.CreateAsync("raw", Extent);
        var sizes = Enumerable.Range(2, 8).Select(extents => extents * Extent).Reverse();
        await Task.WhenAll(sizes.Select(size => Task.Run(() =>
            term.Extension.ExtendAsync($"{volume}", new(size, null, null, null)))));
        var grown = Assert.Single(await TestDomain.VolumesAsync(term.Lun));
        Assert.Equal((9 * Extent, 9 * Extent), (grown.VirtualSizeBytes, grown.AllocatedBytes));
    }

    /// The LV is read before the slot: an extend in between made both larger.
    [Fact]
    public async Task Nobody_who_looks_while_a_raw_volume_grows_sees_one_that_was_cut()
    {
        const long Small = Extent / 32;
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync(TestDomain.Uuid, Small));
        var volume = await term.CreateAsync("raw", Small);
        var growing = Task.Run(async () =>
        {
            for (var extents = 2; extents <= 100; extents++)
            {
                await term.Extension.ExtendAsync($"{volume}", new(extents * Small, null, null, null));
            }
        });
        while (!growing.IsCompleted)
        {
            Assert.False(term.Term.Volumes.Find($"{volume}").Has(VolumeProblemKind.SizeMismatch));
            Assert.DoesNotContain(term.Term.Volumes.View().Volumes, seen => seen.Has(VolumeProblemKind.SizeMismatch));
        }
        await growing;
    }

    [Fact]
    public async Task A_host_that_has_seen_a_newer_epoch_is_not_served()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await term.CreateAsync();
        var refusal = await Assert.ThrowsAsync<Refusal>(() => term.Extension.ExtendAsync($"{volume}", new(1L << 29, 1, 1, 3)));
        Assert.Equal(RefusalCode.NotLeader, refusal.Code);
    }

    [Fact]
    public async Task New_extents_of_a_raw_volume_are_zeroed_and_the_old_ones_are_not()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await term.CreateAsync("raw", Extent);
        await term.CreateAsync("raw", Extent);
        var reply = await term.Extension.ExtendAsync($"{volume}", new(3 * Extent, null, null, null));
        Assert.Equal(2, reply.Segments.Count);
        Assert.Equal((reply.Segments[1].PvOffsetBytes, 2 * Extent), Assert.Single(term.Zeroed.Select(s => (s.PvOffsetBytes, s.LengthBytes))));
        Assert.Empty((await term.Maps.ReadOwnAsync()).Active());
    }

    /// The answer to the first extend was lost and a guest has written since: what it has is on the LUN, not in this SPM's memory.
    [Fact]
    public async Task An_extend_that_is_asked_again_zeroes_nothing_that_is_the_disk_by_now()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await term.CreateAsync("raw", Extent);
        var before = term.Term.Volumes.Find(volume)!;
        Assert.IsType<PoolResult.Done>(await term.Term.Worker.SubmitAsync("the first extend", draft => draft.Extend($"{volume}", 3)));
        await new SlotStore(term.Domain.Slots, term.Domain.Uuid)
            .WriteAsync(before.Tags.Slot!.Value, volume, before.Slot! with { CapacityBytes = 3 * Extent });
        await term.Extension.ExtendAsync($"{volume}", new(3 * Extent, null, null, null));
        Assert.Empty(term.Zeroed);
    }

    /// A guest would see what the extents held before.
    [Theory]
    [InlineData(1, "in use on the SPM's host")]
    [InlineData(2, "active for writing on host 2")]
    public async Task A_raw_volume_in_use_for_writing_is_not_extended(int host, string reason)
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await term.CreateAsync("raw", Extent);
        var slot = term.Term.Volumes.Find(volume)!.Tags.Slot!.Value;
        var maps = host == 1 ? term.Maps : term.MapsOf(host);
        Assert.True(maps.TryHold(slot));
        await maps.SetAsync(slot, ActivationMode.ReadWrite, 1);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => term.Extension.ExtendAsync($"{volume}", new(3 * Extent, host, 1, null)));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(Extent, Assert.Single(await TestDomain.VolumesAsync(term.Lun)).AllocatedBytes);
        Assert.Equal(ActivationMode.ReadWrite, Assert.Single((await maps.ReadOwnAsync()).Active()).Mode);
    }
}
