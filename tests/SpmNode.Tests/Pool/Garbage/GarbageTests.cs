using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.LeaseService;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;
using OvirtSpm.Volumes.Xleases;

namespace OvirtSpm.Node.Tests.Pool.Garbage;

public sealed class GarbageTests
{
    [Fact]
    public async Task A_domain_in_which_nothing_crashed_has_no_garbage()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        await term.CreateAsync();
        Assert.Empty((await DryRunAsync(term.Lun)).Items);
        Assert.Empty((await Verbs(term).GarbageAsync(collect: true)).Items);
    }

    [Fact]
    public async Task A_dry_run_lists_every_kind_and_writes_nothing_and_collecting_takes_exactly_these_away()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var (kept, lost) = (await term.CreateAsync(), await term.CreateAsync());
        await term.Term.Worker.SubmitAsync("a stranger's", draft => draft.CreateLinear("backup", Id(1), 1, [VolumeTags.InitializingTag], DateTimeOffset.UnixEpoch, "x"));
        var marked = await MarkedAsync(term, RemovalMark.Remove);
        var begun = await LvAsync(term, [VolumeTags.InitializingTag]);
        await term.Removal.DeleteAsync($"{lost}");
        var index = await LeaseIndexStore.ReadAsync(term.Domain);
        await new LeaseCreation(term.Domain, term.Term.Fence, TimeProvider.System).CreateAsync("vm-1");
        await LeaseIndexStore.WriteRecordAsync(term.Domain.ExternalLeases, await LeaseIndexStore.ReadAsync(term.Domain), 7, XleasesRecord.Of("gone", 7));
        var special = Specials(term);

        var look = term.Lun.OpenAgain();
        var found = (await DryRunAsync(look)).Items;
        Assert.Equal(0, look.Writes);
        Assert.Equal(
            [("creation", $"{begun}", true), ("lease", "record 7 of 'xleases'", true), ("removal", $"{marked}", true), ("slots", "slot 2", true), ("volume", "backup", false)],
            found.Select(item => (item.Kind, item.Place, item.Action is not null)).Order());
        Assert.All(found, item => Assert.False(item.Collected));

        var done = (await Verbs(term).GarbageAsync(collect: true)).Items;
        Assert.Equal(["creation", "lease", "removal", "slots", "slots"], done.Where(item => item.Collected).Select(item => item.Kind).Order(StringComparer.Ordinal));
        Assert.Equal([$"{kept}", "backup"], (await TestDomain.VolumesAsync(term.Lun)).Select(volume => volume.Volume).OrderBy(name => name.Length).Reverse());
        Assert.Equal("ready", (await TestDomain.VolumesAsync(term.Lun)).Single(volume => volume.Volume == $"{kept}").State);
        Assert.Equal(special, Specials(term));
        Assert.Equal(["vm-1"], (await new LeaseDirectory(term.Domain).ListAsync()).Select(lease => lease.Name));
        Assert.Equal(XleasesError.None, index.Error);

        // Again: there is nothing more to do.
        var again = Assert.Single((await Verbs(term).GarbageAsync(collect: true)).Items);
        Assert.Equal(("volume", "backup", false), (again.Kind, again.Place, again.Collected));
    }

    /// R10, R11: also the map of a host that is off, or cannot be read, keeps it.
    [Theory]
    [InlineData(RemovalMark.None)]
    [InlineData(RemovalMark.Remove)]
    public async Task What_a_map_names_is_reported_with_the_host_and_left(RemovalMark mark)
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = mark == RemovalMark.None ? await LvAsync(term, [VolumeTags.InitializingTag, "MD_9"]) : await MarkedAsync(term, mark);
        var slot = term.Term.Volumes.Find(volume)!.Tags.Slot!.Value;
        await term.MapsOf(7).SetAsync(slot, ActivationMode.ReadWrite, 1);
        var item = Assert.Single((await Verbs(term).GarbageAsync(collect: true)).Items);
        Assert.Contains("host id 7", item.Reason, StringComparison.Ordinal);
        Assert.Null(item.Action);
        Assert.NotNull(term.Term.Volumes.Find(volume));
        await term.MapsOf(7).SetAsync(slot, ActivationMode.Inactive, 1);
        ActivationMapsTests.Damage(term.Lun, term.Domain, host: 9);
        Assert.DoesNotContain((await Verbs(term).GarbageAsync(collect: true)).Items, left => left.Action is not null);
        Assert.NotNull(term.Term.Volumes.Find(volume));
    }

    [Fact]
    public async Task What_was_marked_to_be_wiped_is_wiped_before_it_goes()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await MarkedAsync(term, RemovalMark.ZeroThenRemove);
        var extents = FirstByte(term, volume);
        Assert.Equal(MarkingImager.Mark, term.Lun.Peek(extents, MarkingImager.Mark.Length));
        Assert.Equal("overwritten with zeros, then removed", (await DryRunAsync(term.Lun)).Items[0].Action);
        Assert.True((await Verbs(term).GarbageAsync(collect: true)).Items[0].Collected);
        Assert.Equal(new byte[MarkingImager.Mark.Length], term.Lun.Peek(extents, MarkingImager.Mark.Length));
        Assert.Null(term.Term.Volumes.Find(volume));
    }

    /// A tag that somebody typed: nothing says that the LV is what the tag says it is.
    [Theory]
    [InlineData("OVIRT_VOL_INITIALIZING", "MD_1")]
    [InlineData("OVIRT_VOL_INITIALIZING", "IU_cccccccc-0000-0000-0000-000000000001")]
    [InlineData("IU__remove_me_cccccccc-0000-0000-0000-000000000001", "IU_cccccccc-0000-0000-0000-000000000002")]
    [InlineData("OVIRT_VOL_INITIALIZING", "MD_0")]
    public async Task An_LV_whose_tags_contradict_each_other_or_a_volume_is_only_reported(params string[] tags)
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var live = await term.CreateAsync();
        var odd = await LvAsync(term, tags);
        var items = (await Verbs(term).GarbageAsync(collect: true)).Items;
        Assert.Contains(items, item => item.Place == $"{odd}" && item.Reason.Contains("contradict", StringComparison.Ordinal));
        Assert.DoesNotContain(items, item => item.Collected);
        Assert.NotNull(term.Term.Volumes.Find(odd));
        Assert.NotNull(term.Term.Volumes.Find(live)!.Slot);
    }

    /// As oVirt leaves an image whose removal did not end: all of its volumes are marked.
    [Fact]
    public async Task A_whole_chain_that_is_marked_goes_child_first_and_a_parent_with_a_living_child_stays()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var parent = await term.CreateAsync();
        var child = Guid.NewGuid();
        await term.Creation.CreateAsync(TestTerm.Request(child, bytes: 0) with { Parent = $"{parent}" });
        await MarkAsync(term, parent, RemovalMark.Remove);
        var kept = Assert.Single((await Verbs(term).GarbageAsync(collect: true)).Items, item => item.Kind == "removal");
        Assert.Contains($"the parent of {child}", kept.Reason, StringComparison.Ordinal);
        await MarkAsync(term, child, RemovalMark.Remove);
        var gone = (await Verbs(term).GarbageAsync(collect: true)).Items.Where(item => item.Kind == "removal");
        Assert.Equal([$"{child}", $"{parent}"], gone.Where(item => item.Collected).Select(item => item.Place).OrderBy(name => name == $"{parent}"));
        Assert.Empty(term.Term.Volumes.View().Volumes);
    }

    [Fact]
    public async Task What_the_journal_has_open_is_left_to_the_recovery()
    {
        var first = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = Guid.NewGuid();
        first.Lun.DiesAfter = first.Lun.Writes + 9;
        await Assert.ThrowsAnyAsync<Exception>(() => first.Creation.CreateAsync(TestTerm.Request(volume)));
        var next = await TestDomain.LeadAsync(first.Lun.Copy(), epoch: 3);
        Assert.True(next.Term.Volumes.Find(volume)!.Tags.Initializing);
        foreach (var items in new[] { (await DryRunAsync(next.Lun)).Items, (await Verbs(next).GarbageAsync(collect: true)).Items })
        {
            var item = Assert.Single(items, item => item.Place == $"{volume}");
            Assert.Contains("journal", item.Reason, StringComparison.Ordinal);
            Assert.Null(item.Action);
        }
        Assert.True(next.Term.Volumes.Find(volume)!.Tags.Initializing);
    }

    /// A slot is given to the next volume the moment it is free: clearing it then would destroy that one's text.
    [Fact]
    public async Task A_slot_that_a_volume_gets_while_it_is_cleared_keeps_its_text()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        await term.Removal.DeleteAsync($"{await term.CreateAsync()}");
        var slot = SlotAt(term, 1);
        Task<Guid>? other = null;
        term.Lun.BeforeWrite = (_, offset) =>
        {
            if (offset == slot && other is null)
            {
                // Waits for nothing: it must get another slot.
                other = term.CreateAsync();
            }
            return Task.CompletedTask;
        };
        Assert.True((await Verbs(term).GarbageAsync(collect: true)).Items.Single(item => item.Kind == "slots").Collected);
        Assert.NotNull(other);
        var volume = term.Term.Volumes.Find(await other)!;
        Assert.Equal((2, true), (volume.Tags.Slot!.Value, volume.IsUsable));
        Assert.Equal("ready", Assert.Single(await TestDomain.VolumesAsync(term.Lun)).State);
    }

    [Fact]
    public async Task A_slot_that_no_volume_has_and_a_map_names_or_whose_lease_is_held_stays_as_it_is()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        await term.Removal.DeleteAsync($"{await term.CreateAsync()}");
        await term.MapsOf(7).SetAsync(1, ActivationMode.ReadOnly, 1);
        var text = term.Lun.Peek(SlotAt(term, 1), 1024);
        var item = Assert.Single((await Verbs(term).GarbageAsync(collect: true)).Items);
        Assert.Equal(("slots", "slot 1", null), (item.Kind, item.Place, item.Action));
        Assert.Contains("host id 7", item.Reason, StringComparison.Ordinal);
        Assert.Equal(text, term.Lun.Peek(SlotAt(term, 1), 1024));
    }

    [Fact]
    public async Task Images_that_cannot_be_opened_are_reported_and_never_touched()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var (orphan, illegal) = (await term.CreateAsync(), await term.CreateAsync());
        await term.Work.WriteSlotAsync(term.Term.Volumes.Find(orphan)!, slot => slot with { Parent = Guid.NewGuid() });
        await term.Work.WriteSlotAsync(term.Term.Volumes.Find(illegal)!, slot => slot with { Legality = VolumeLegality.Illegal });
        var before = await TestDomain.VolumesAsync(term.Lun);
        var items = (await Verbs(term).GarbageAsync(collect: true)).Items;
        Assert.All(items, item => Assert.Equal(("volume", null), (item.Kind, item.Action)));
        Assert.Contains(items, item => item.Place == $"{orphan}" && item.Reason.Contains("not in this domain", StringComparison.Ordinal));
        Assert.Contains(items, item => item.Place == $"{illegal}" && item.Reason.Contains("Illegal", StringComparison.Ordinal));
        Assert.Equivalent(before, await TestDomain.VolumesAsync(term.Lun));
    }

    /// The SPM dies at every write of a collection: what is kept is whole, and the next one finishes.
    [Fact]
    public async Task A_crash_anywhere_in_a_collection_harms_nothing_and_the_next_one_ends_it()
    {
        var (died, ended) = (0, false);
        for (var after = 0; !ended; after++)
        {
            var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
            var kept = await term.CreateAsync();
            await LvAsync(term, [VolumeTags.InitializingTag, "MD_9"]);
            await MarkedAsync(term, RemovalMark.Remove);
            term.Lun.DiesAfter = term.Lun.Writes + after;
            ended = await Record.ExceptionAsync(() => Verbs(term).GarbageAsync(collect: true)) is null;
            died += ended ? 0 : 1;
            Assert.True(after < 60, "the collection never ends");

            var next = await TestDomain.LeadAsync(term.Lun.Copy(), epoch: 3);
            await next.Maps.AdoptAsync(1);
            await next.Recovery.TryAllAsync(CancellationToken.None);
            Assert.All((await Verbs(next).GarbageAsync(collect: true)).Items, item => Assert.True(item.Collected, $"{item}"));
            var left = Assert.Single(await TestDomain.VolumesAsync(next.Lun));
            Assert.Equal(($"{kept}", "ready"), (left.Volume, left.State));
            Assert.Empty((await DryRunAsync(next.Lun)).Items);
        }
        Assert.True(died >= 8, $"{died} crashes");
    }

    [Fact]
    public async Task Nothing_is_written_when_the_term_is_over_and_the_caller_is_told_so()
    {
        var holds = true;
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync(), holds: () => holds);
        await term.Removal.DeleteAsync($"{await term.CreateAsync()}");
        await MarkedAsync(term, RemovalMark.Remove);
        holds = false;
        var text = term.Lun.Peek(SlotAt(term, 1), 1024);
        await Assert.ThrowsAsync<Refusal>(() => Verbs(term).GarbageAsync(collect: true));
        Assert.Equal(text, term.Lun.Peek(SlotAt(term, 1), 1024));
        Assert.Single(await TestDomain.VolumesAsync(term.Lun));
    }

    static Task<GarbageReply> DryRunAsync(MemoryLun lun) => new LunReader(lun.OpenAgain()).GarbageAsync(collect: false);

    static PoolVerbs Verbs(TestTerm term)
    {
        var identity = new HostIdentity(1, "spm", "/1", TestDomain.ThisMachine.MachineId, TestDomain.ThisMachine.BootId, "", "test");
        var member = new Membership(term.Domain, identity, new LeaseTiming(TimeSpan.FromSeconds(1), TimeSpan.Zero), TimeProvider.System, new TestChoice());
        return new PoolVerbs(term.Term, term.Maps, member, new MarkingImager(term.Lun), new TestChoice(9), TimeProvider.System, new PoolCounters(), _ => { });
    }

    static LvmUuid Id(byte number) => LvmUuid.FromRandomBytes([.. Enumerable.Repeat(number, LvmUuid.Length)]);

    /// <summary>As another program leaves it: no operation in our journal.</summary>
    static async Task<Guid> LvAsync(TestTerm term, string[] tags)
    {
        var volume = Guid.NewGuid();
        Assert.IsType<PoolResult.Done>(await term.Term.Worker.SubmitAsync(
            "lvcreate", draft => draft.CreateLinear($"{volume}", Id(200), 1, tags, DateTimeOffset.UnixEpoch, "other")));
        return volume;
    }

    static async Task<Guid> MarkedAsync(TestTerm term, RemovalMark mark)
    {
        var volume = await term.CreateAsync();
        await MarkAsync(term, volume, mark);
        return volume;
    }

    static async Task MarkAsync(TestTerm term, Guid volume, RemovalMark mark)
    {
        var tags = term.Term.Volumes.Find(volume)!.Tags;
        Assert.IsType<PoolResult.Done>(await term.Term.Worker.SubmitAsync(
            "lvchange", draft => draft.ChangeTags($"{volume}", [$"IU_{tags.Image}"], [(mark == RemovalMark.Remove ? "IU__remove_me_" : "IU__remove_me_ZERO_") + tags.Image])));
    }

    static long FirstByte(TestTerm term, Guid volume) =>
        VolumeExtension.Segments(term.Term.Volumes.Group, term.Term.Volumes.Group.Find($"{volume}")!)[0].PvOffsetBytes;

    static long SlotAt(TestTerm term, int slot) =>
        VolumeExtension.Segments(term.Domain.Group, term.Domain.Group.Find("metadata")!)[0].PvOffsetBytes + SlotGeometry.OffsetBytes(slot);

    static List<string> Specials(TestTerm term) =>
        [.. term.Term.Volumes.Group.LogicalVolumes.Where(lv => Volumes.Domain.SpecialVolumes.IsSpecial(lv.Name)).Select(lv => $"{lv.Name} {lv.Uuid} {lv.SizeBytes} {string.Join(',', lv.Tags)}")];
}
