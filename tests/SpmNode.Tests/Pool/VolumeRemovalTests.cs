using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Pool;

public sealed class VolumeRemovalTests
{
    [Theory]
    [InlineData(ActivationMode.ReadWrite)]
    [InlineData(ActivationMode.ReadOnly)]
    public async Task A_volume_active_on_any_host_is_not_deleted_and_not_marked(ActivationMode mode)
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await term.CreateAsync();
        var slot = term.Term.Volumes.Find(volume)!.Tags.Slot!.Value;
        await term.MapsOf(7).SetAsync(slot, mode, 1);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => term.Removal.DeleteAsync($"{volume}"));
        Assert.Equal(RefusalCode.Conflict, refusal.Code);
        Assert.Contains("host 7", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("ready", Assert.Single(await TestDomain.VolumesAsync(term.Lun)).State);
        await term.MapsOf(7).SetAsync(slot, ActivationMode.Inactive, 1);
        Assert.Equal(128L << 20, (await term.Removal.DeleteAsync($"{volume}")).FreedBytes);
        Assert.Empty(await TestDomain.VolumesAsync(term.Lun));
        Assert.Equal(RefusalCode.NotFound, (await Assert.ThrowsAsync<Refusal>(() => term.Removal.DeleteAsync($"{volume}"))).Code);
    }

    [Fact]
    public async Task A_map_that_cannot_be_read_counts_as_use_of_every_volume()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await term.CreateAsync();
        ActivationMapsTests.Damage(term.Lun, term.Domain, host: 9);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => term.Removal.DeleteAsync($"{volume}"));
        Assert.Contains("host 9 cannot be read", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("ready", Assert.Single(await TestDomain.VolumesAsync(term.Lun)).State);
    }

    /// R10: the activation wrote its entry after the first look and read the metadata before the mark.
    [Fact]
    public async Task An_activation_between_the_first_look_and_the_mark_wins_and_the_mark_is_taken_back()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await term.CreateAsync();
        var slot = term.Term.Volumes.Find(volume)!.Tags.Slot!.Value;
        var activated = false;
        term.Lun.BeforeWrite = async (lane, _) =>
        {
            if (lane == "metadata" && !activated)
            {
                activated = true;
                await term.MapsOf(7).SetAsync(slot, ActivationMode.ReadWrite, 1);
            }
        };
        Assert.Equal(RefusalCode.Conflict, (await Assert.ThrowsAsync<Refusal>(() => term.Removal.DeleteAsync($"{volume}"))).Code);
        Assert.True(activated);
        var kept = Assert.Single(await TestDomain.VolumesAsync(term.Lun));
        Assert.Equal(("ready", 0), (kept.State, kept.Problems.Count));
    }

    /// R10: no mark keeps others away from what looks like a leftover; it may have become a volume, and active, since we looked.
    [Fact]
    public async Task A_leftover_that_became_a_volume_since_it_was_looked_at_is_not_removed()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        VolumeInfo? unfinished = null;
        term.Lun.BeforeWrite = (_, _) =>
        {
            unfinished ??= term.Term.Volumes.View().Volumes.FirstOrDefault(volume => volume.Tags.Initializing);
            return Task.CompletedTask;
        };
        await term.CreateAsync();
        Assert.NotNull(unfinished);
        Assert.Equal(RefusalCode.Conflict, (await Assert.ThrowsAsync<Refusal>(() => term.Removal.RemoveLeftoverAsync(unfinished))).Code);
        Assert.Equal("ready", Assert.Single(await TestDomain.VolumesAsync(term.Lun)).State);
    }

    [Fact]
    public async Task A_crash_at_any_write_of_a_deletion_leaves_the_volume_marked_or_not_or_nothing_and_deleting_again_works()
    {
        var seen = new HashSet<string>();
        for (var after = 0; after <= 10; after++)
        {
            var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
            var volume = await term.CreateAsync();
            term.Lun.DiesAfter = term.Lun.Writes + after;
            Assert.Equal(after == 10, await Record.ExceptionAsync(() => term.Removal.DeleteAsync($"{volume}")) is null);
            var next = await TestDomain.LeadAsync(term.Lun.Copy(), epoch: 3);
            var left = await TestDomain.VolumesAsync(next.Lun);
            seen.Add(left.Count == 0 ? "none" : left[0].State);
            if (left.Count > 0)
            {
                await next.Removal.DeleteAsync($"{volume}");
            }
            Assert.Empty(await TestDomain.VolumesAsync(next.Lun));
        }
        Assert.Equal(["none", "ready", "removing"], seen.Order(StringComparer.Ordinal));
    }

    /// R10: the maps speak of slots. Somebody took the tag away with lvchange, a guest may write the volume.
    [Fact]
    public async Task A_volume_whose_slot_is_not_known_is_not_deleted()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await term.CreateAsync();
        var slot = term.Term.Volumes.Find(volume)!.Tags.Slot!.Value;
        await term.Term.Worker.SubmitAsync("lose the tag", draft => draft.ChangeTags($"{volume}", [$"MD_{slot}"], []));
        var refusal = await Assert.ThrowsAsync<Refusal>(() => term.Removal.DeleteAsync($"{volume}"));
        Assert.Contains("no MD_ tag", refusal.Message, StringComparison.Ordinal);
        Assert.Single(await TestDomain.VolumesAsync(term.Lun));
    }

    /// R10: between the look at the tags and the commit the creation ended, and another host may have activated the volume.
    [Fact]
    public async Task A_leftover_that_became_a_volume_meanwhile_is_not_freed()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = term.Term.Volumes.Find(await term.CreateAsync())!;
        var seen = volume with { Tags = volume.Tags with { Initializing = true } };
        Assert.Equal(RefusalCode.Conflict, (await Assert.ThrowsAsync<Refusal>(() => term.Removal.RemoveLeftoverAsync(seen))).Code);
        Assert.Equal("ready", Assert.Single(await TestDomain.VolumesAsync(term.Lun)).State);
    }
}
