using LvmMetadata.Tests.Support;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;
using OvirtSpm.LvmMetadata.Store;

namespace LvmMetadata.Tests;

/// <summary>The safety rules of the commit, each by name.</summary>
public sealed class StoreTests
{
    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task R2_a_commit_writes_both_texts_then_flushes_then_one_header_at_a_time(int sectorSize)
    {
        var pv = await Lab.NewGroupAsync(sectorSize);
        var store = await Lab.LeadAsync(pv, 2);
        pv.Journal.Clear();
        var guard = new TestGuard(2);

        Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(Lab.Create(store.Current, "new", 2), guard, "create"));

        var order = pv.Journal.Where(io => io.Kind != PvIoKind.Read).Select(io => io.Kind == PvIoKind.Flush ? "flush" : Lab.IsHeader(io) ? "header" : "text");
        Assert.Equal(["text", "text", "flush", "header", "flush", "header", "flush"], order);
        Assert.Equal(4 + 1, guard.Asked);
    }

    [Fact]
    public async Task R1_a_commit_whose_last_flush_returns_after_the_deadline_is_not_acknowledged()
    {
        var pv = await Lab.NewGroupAsync();
        var store = await Lab.LeadAsync(pv, 2);
        var before = store.Current;

        Assert.IsType<CommitOutcome.Unknown>(await store.CommitAsync(Lab.Create(before, "new", 2), new TestGuard(2, allowed: 4), "create"));
        Assert.Same(before, store.Current);
    }

    [Theory]
    [InlineData(0, typeof(CommitOutcome.NotIssued), 0)]
    [InlineData(1, typeof(CommitOutcome.Unknown), 1)]
    [InlineData(2, typeof(CommitOutcome.Unknown), 2)]
    [InlineData(3, typeof(CommitOutcome.Unknown), 3)]
    public async Task R2_nothing_is_written_after_the_deadline(int allowed, Type outcome, int writes)
    {
        var pv = await Lab.NewGroupAsync();
        var store = await Lab.LeadAsync(pv, 2);
        pv.Journal.Clear();

        Assert.IsType(outcome, await store.CommitAsync(Lab.Create(store.Current, "new", 2), new TestGuard(2, allowed), "create"));
        Assert.Equal(writes, pv.Journal.Count(io => io.Kind == PvIoKind.Write));
    }

    /// On large sectors a header is written into a sector that is read first; a host that falls asleep in that read wakes after its deadline.
    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task R2_the_deadline_is_asked_behind_the_last_read_before_each_write(int sectorSize)
    {
        var pv = await Lab.NewGroupAsync(sectorSize);
        var store = await Lab.LeadAsync(pv, 2);
        var between = new List<PvIoKind>();
        var guard = new TestGuard(2) { Asks = between.Clear };
        var before = new List<PvIoKind[]>();
        pv.Before = io =>
        {
            if (io.Kind == PvIoKind.Write)
            {
                before.Add([.. between]);
            }
            between.Add(io.Kind);
        };
        Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(Lab.Create(store.Current, "new", 2), guard, "create"));
        Assert.Equal(4, before.Count);
        Assert.All(before, Assert.Empty);
    }

    [Fact]
    public async Task R3_the_takeovers_seqno_lies_two_per_epoch_above_all_that_was_seen()
    {
        var pv = await Lab.NewGroupAsync();
        var store = await Lab.LeadAsync(pv, 2);
        await store.CommitAsync(Lab.Create(store.Current, "a", 1), new TestGuard(2), "a");
        var seqno = store.Current.Seqno;

        var next = await Lab.LeadAsync(pv, 7);

        Assert.Equal(seqno + (2 * (7 - 2)), next.Current.Seqno);
        Assert.Equal(7ul, next.Current.Epoch);
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task R4_the_first_text_of_an_epoch_misses_wherever_the_predecessors_next_one_lands(int sectorSize)
    {
        for (var commits = 0; commits < 60; commits += 7)
        {
            var pv = await Lab.NewGroupAsync(sectorSize, areaBytes: 1 << 20);
            var store = await Lab.LeadAsync(pv, 2);
            for (var i = 0; i < commits; i++)
            {
                Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(Lab.Create(store.Current, $"v{i}", 1, tagBytes: 1500), new TestGuard(2), "fill"));
            }
            // The predecessor stalls with its next text under way, as large as it may be.
            var ring = new MetadataRing((1 << 20) + (1 << 20) - 4096, sectorSize);
            var location = (await MetadataReader.ReadAsync([pv])).Copies[0].Location!.Value;
            var stray = ring.Next(location, ring.MaxTextBytes)!.Value;

            var next = await Lab.LeadAsync(pv, 4);
            pv.Poke(4096 + stray, new byte[ring.MaxTextBytes]);

            var read = await MetadataReader.ReadAsync([pv]);
            Assert.Null(read.Problem);
            Assert.Equal(next.Current.Version, read.Group!.Version);
        }
    }

    /// Each takeover stalls with its text queued, so all of them begin from the same live text; any queued one may land at any later time.
    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task R4_takeovers_in_a_row_on_the_same_live_text_never_choose_the_same_place(int sectorSize)
    {
        for (var commits = 0; commits < 60; commits += 7)
        {
            var pv = await Lab.NewGroupAsync(sectorSize, areaBytes: 1 << 20);
            var store = await Lab.LeadAsync(pv, 2);
            for (var i = 0; i < commits; i++)
            {
                Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(Lab.Create(store.Current, $"v{i}", 1, tagBytes: 1500), new TestGuard(2), "fill"));
            }
            var queued = new List<PvIo>();
            for (var epoch = 3ul; epoch < 6; epoch++)
            {
                var seenByIt = pv.Clone();
                await Lab.LeadAsync(seenByIt, epoch);
                queued.AddRange(seenByIt.Journal.Where(io => io.Kind == PvIoKind.Write && !Lab.IsHeader(io)));
            }

            var last = await Lab.LeadAsync(pv, 6);
            queued.ForEach(io => pv.Poke(io.Offset, io.Data));

            var read = await MetadataReader.ReadAsync([pv]);
            Assert.Null(read.Problem);
            Assert.Equal(last.Current.Version, read.Group!.Version);
        }
    }

    [Fact]
    public async Task R5_a_group_with_one_used_copy_is_read_and_not_written()
    {
        var pv = await Lab.NewGroupAsync(copies: 1);
        var store = Assert.IsType<OpenOutcome.Opened>(await MetadataStore.OpenAsync([pv], new TestClock(), "h")).Store;
        pv.Journal.Clear();

        var refused = Assert.IsType<TakeOverOutcome.NotIssued>(await store.TakeOverAsync(new TestGuard(2)));
        Assert.Contains("1 used metadata copies, writing needs 2", refused.Reason);
        Assert.DoesNotContain(pv.Journal, io => io.Kind == PvIoKind.Write);
    }

    [Fact]
    public async Task R5_the_highest_epoch_wins_over_a_higher_seqno_and_the_other_copy_is_rolled_forward()
    {
        var pv = await Lab.NewGroupAsync();
        var first = await Lab.LeadAsync(pv, 2);
        for (var i = 0; i < 30; i++)
        {
            await first.CommitAsync(Lab.Create(first.Current, $"v{i}", 1), new TestGuard(2), "fill");
        }
        var area = (await MetadataReader.ReadAsync([pv])).Copies[1].AreaOffsetBytes;
        var old = new byte[512];
        pv.Peek(area, old);
        var second = await Lab.LeadAsync(pv, 3);
        pv.Poke(area, old);

        var read = await MetadataReader.ReadAsync([pv]);
        Assert.Equal(second.Current.Version, read.Group!.Version);
        Assert.IsType<CopyState.Stale>(read.Copies[1].State);
        var store = Assert.IsType<OpenOutcome.Opened>(await MetadataStore.OpenAsync([pv], new TestClock(), "h")).Store;
        var taken = Assert.IsType<TakeOverOutcome.TakenOver>(await store.TakeOverAsync(new TestGuard(4)));
        Assert.Contains("stale: epoch 2", Assert.Single(taken.RolledForward));
        Assert.All((await MetadataReader.ReadAsync([pv])).Copies, copy => Assert.IsType<CopyState.Current>(copy.State));
    }

    [Fact]
    public async Task R5_a_reader_never_goes_below_what_it_has_seen()
    {
        var pv = await Lab.NewGroupAsync();
        var past = pv.Clone();
        var store = await Lab.LeadAsync(pv, 2);
        var read = await MetadataReader.ReadAsync([past], store.Current.Version);
        Assert.Null(read.Group);
        Assert.Contains("was seen before", read.Problem);
    }

    [Fact]
    public async Task R6_after_a_failed_write_nothing_more_is_written_in_this_epoch()
    {
        var pv = await Lab.NewGroupAsync();
        var store = await Lab.LeadAsync(pv, 2);
        pv.Before = io => _ = Lab.IsHeader(io) && io.Kind == PvIoKind.Write ? throw new IOException("write of 512 bytes at 4096: EIO") : 0;
        Assert.IsType<CommitOutcome.Unknown>(await store.CommitAsync(Lab.Create(store.Current, "a", 1), new TestGuard(2), "a"));
        pv.Before = null;
        pv.Journal.Clear();

        Assert.IsType<CommitOutcome.NotIssued>(await store.CommitAsync(Lab.Create(store.Current, "a", 1), new TestGuard(2), "a"));
        Assert.IsType<TakeOverOutcome.NotIssued>(await store.TakeOverAsync(new TestGuard(2)));
        Assert.DoesNotContain(pv.Journal, io => io.Kind == PvIoKind.Write);
        Assert.IsType<TakeOverOutcome.TakenOver>(await store.TakeOverAsync(new TestGuard(3)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task R22_an_epoch_that_is_not_above_the_disks_does_not_serve(ulong epoch)
    {
        var pv = await Lab.NewGroupAsync();
        await Lab.LeadAsync(pv, 2);
        var store = Assert.IsType<OpenOutcome.Opened>(await MetadataStore.OpenAsync([pv], new TestClock(), "h")).Store;
        pv.Journal.Clear();
        Assert.Equal(new TakeOverOutcome.EpochNotAbove(2), await store.TakeOverAsync(new TestGuard(epoch)));
        Assert.DoesNotContain(pv.Journal, io => io.Kind == PvIoKind.Write);
    }

    [Fact]
    public async Task R22_a_foreign_write_is_noticed_and_adopted_only_if_every_acknowledged_segment_is_still_there()
    {
        var pv = await Lab.NewGroupAsync();
        var store = await Lab.LeadAsync(pv, 2);
        await store.CommitAsync(Lab.Create(store.Current, "kept", 3), new TestGuard(2), "create");
        var foreign = new VolumeGroupDraft(store.Current);
        foreign.ChangeTags("kept", [], ["by-stock"]);
        await Lab.ForeignWriteAsync(pv, foreign);

        pv.Journal.Clear();
        Assert.IsType<CommitOutcome.ForeignWrite>(await store.CommitAsync(Lab.Create(store.Current, "b", 1), new TestGuard(2), "b"));
        Assert.DoesNotContain(pv.Journal, io => io.Kind == PvIoKind.Write);
        var adopted = Assert.IsType<TakeOverOutcome.TakenOver>(await store.AdoptForeignAsync(new TestGuard(2)));
        Assert.Equal(["by-stock"], adopted.Group.Find("kept")!.Tags);
        Assert.Equal(1, store.ForeignWritesSeen);
        Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(Lab.Create(store.Current, "b", 1), new TestGuard(2), "b"));

        var removal = new VolumeGroupDraft(store.Current);
        removal.Remove("kept");
        await Lab.ForeignWriteAsync(pv, removal);
        Assert.IsType<CommitOutcome.ForeignWrite>(await store.CommitAsync(Lab.Create(store.Current, "c", 1), new TestGuard(2), "c"));
        pv.Journal.Clear();
        var refused = Assert.IsType<TakeOverOutcome.ForeignRefused>(await store.AdoptForeignAsync(new TestGuard(2)));
        Assert.Contains("volume 'kept'", refused.Reason);
        Assert.DoesNotContain(pv.Journal, io => io.Kind == PvIoKind.Write);
    }

    [Fact]
    public async Task R22_a_takeover_refuses_a_foreign_text_that_lacks_what_this_store_saw_acknowledged()
    {
        var pv = await Lab.NewGroupAsync();
        var leader = await Lab.LeadAsync(pv, 2);
        await leader.CommitAsync(Lab.Create(leader.Current, "kept", 3), new TestGuard(2), "create");
        var follower = Assert.IsType<OpenOutcome.Opened>(await MetadataStore.OpenAsync([pv], new TestClock(), "h")).Store;
        var removal = new VolumeGroupDraft(leader.Current);
        removal.Remove("kept");
        await Lab.ForeignWriteAsync(pv, removal);
        pv.Journal.Clear();

        Assert.IsType<TakeOverOutcome.ForeignRefused>(await follower.TakeOverAsync(new TestGuard(3)));
        Assert.DoesNotContain(pv.Journal, io => io.Kind == PvIoKind.Write);
        Assert.IsType<TakeOverOutcome.TakenOver>(await follower.TakeOverAsync(new TestGuard(3), check: (_, _) => null));
    }

    /// A fresh store knows nothing; its host does. Whoever led knows the whole epoch, whoever read knows one text of it.
    [Theory]
    [InlineData(true, 0, true)]
    [InlineData(true, 2, true)]
    [InlineData(false, 0, true)]
    [InlineData(false, 2, false)]
    public async Task R22_what_a_host_knew_before_the_takeover_must_be_in_a_foreign_text_that_follows_it(bool led, int foreignWritesBetween, bool refused)
    {
        var pv = await Lab.NewGroupAsync();
        var leader = await Lab.LeadAsync(pv, 2);
        await leader.CommitAsync(Lab.Create(leader.Current, "kept", 3), new TestGuard(2), "create");
        var known = new KnownGroup(leader.Current, led);
        for (var i = 0; i < foreignWritesBetween; i++)
        {
            var tagged = new VolumeGroupDraft((await MetadataReader.ReadAsync([pv])).Group!);
            tagged.ChangeVgTags([], [$"tag{i}"]);
            await Lab.ForeignWriteAsync(pv, tagged);
        }
        var removal = new VolumeGroupDraft((await MetadataReader.ReadAsync([pv])).Group!);
        removal.Remove("kept");
        await Lab.ForeignWriteAsync(pv, removal);

        var store = Assert.IsType<OpenOutcome.Opened>(await MetadataStore.OpenAsync([pv], new TestClock(), "h")).Store;
        Assert.IsType(refused ? typeof(TakeOverOutcome.ForeignRefused) : typeof(TakeOverOutcome.TakenOver), await store.TakeOverAsync(new TestGuard(3), known));
    }

    [Fact]
    public async Task R22_a_follower_that_missed_a_rightful_removal_does_not_object_to_the_foreign_text_after_it()
    {
        var pv = await Lab.NewGroupAsync();
        var leader = await Lab.LeadAsync(pv, 2);
        await leader.CommitAsync(Lab.Create(leader.Current, "gone", 3), new TestGuard(2), "create");
        var known = new KnownGroup(leader.Current, IsWhole: false);
        var removal = new VolumeGroupDraft(leader.Current);
        removal.Remove("gone");
        Assert.IsType<CommitOutcome.Committed>(await leader.CommitAsync(removal, new TestGuard(2), "remove"));
        var foreign = new VolumeGroupDraft(leader.Current);
        foreign.ChangeVgTags([], ["by-stock"]);
        await Lab.ForeignWriteAsync(pv, foreign);

        var store = Assert.IsType<OpenOutcome.Opened>(await MetadataStore.OpenAsync([pv], new TestClock(), "h")).Store;
        Assert.IsType<TakeOverOutcome.TakenOver>(await store.TakeOverAsync(new TestGuard(3), known));
    }

    [Fact]
    public async Task R6_a_stale_header_that_lands_late_is_rewritten_from_memory()
    {
        var pv = await Lab.NewGroupAsync();
        var store = await Lab.LeadAsync(pv, 2);
        var areas = (await MetadataReader.ReadAsync([pv])).Copies.Select(copy => copy.AreaOffsetBytes).ToList();
        var old = areas.Select(area => { var bytes = new byte[512]; pv.Peek(area, bytes); return bytes; }).ToList();
        await store.CommitAsync(Lab.Create(store.Current, "a", 1), new TestGuard(2), "a");
        areas.Zip(old).ToList().ForEach(pair => pv.Poke(pair.First, pair.Second));

        Assert.Contains("slot 0 was", await store.ScrubAsync());
        Assert.True(Assert.IsType<TakeOverOutcome.TakenOver>(await store.AdoptForeignAsync(new TestGuard(2))).Restored);
        Assert.Null(await store.ScrubAsync());
        Assert.NotNull((await MetadataReader.ReadAsync([pv])).Group!.Find("a"));
        Assert.Equal(0, store.ForeignWritesSeen);
    }

    [Fact]
    public async Task A_write_that_slips_in_between_text_and_header_is_not_committed_over()
    {
        var pv = await Lab.NewGroupAsync();
        var store = await Lab.LeadAsync(pv, 2);
        var foreign = new VolumeGroupDraft(store.Current);
        foreign.ChangeVgTags([], ["slipped-in"]);
        var other = pv.Clone();
        await Lab.ForeignWriteAsync(other, foreign);
        var headers = (await MetadataReader.ReadAsync([pv])).Copies.Select(copy => copy.AreaOffsetBytes).ToList();
        pv.Before = io =>
        {
            if (io.Kind == PvIoKind.Flush)
            {
                foreach (var at in headers)
                {
                    var header = new byte[512];
                    other.Peek(at, header);
                    pv.Poke(at, header);
                }
            }
        };
        var outcome = Assert.IsType<CommitOutcome.ForeignWrite>(await store.CommitAsync(Lab.Create(store.Current, "a", 1), new TestGuard(2), "a"));
        Assert.Contains("metadata area at byte 4096: slot 0 was offset", outcome.Found);
    }

    [Fact]
    public async Task A_change_made_from_an_older_group_is_not_issued()
    {
        var pv = await Lab.NewGroupAsync();
        var store = await Lab.LeadAsync(pv, 2);
        var draft = Lab.Create(store.Current, "a", 1);
        await store.CommitAsync(Lab.Create(store.Current, "b", 1), new TestGuard(2), "b");
        Assert.IsType<CommitOutcome.NotIssued>(await store.CommitAsync(draft, new TestGuard(2), "a"));
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task A_crash_after_any_io_leaves_the_old_or_the_new_group_to_stock_lvm2_and_to_us(int sectorSize)
    {
        var pv = await Lab.NewGroupAsync(sectorSize, areaBytes: 1 << 20);
        var store = await Lab.LeadAsync(pv, 2);
        for (var i = 0; i < 12; i++)
        {
            var before = pv.Clone();
            var old = store.Current;
            pv.Journal.Clear();
            var takeOver = i % 4 == 3;
            if (takeOver)
            {
                store = await Lab.LeadAsync(pv, (ulong)(i + 3));
            }
            else
            {
                var outcome = await store.CommitAsync(Lab.Create(old, $"v{i}", 1, tagBytes: 3000), new TestGuard(store.Epoch!.Value), "fill");
                Assert.IsType<CommitOutcome.Committed>(outcome);
            }
            foreach (var crashed in CrashStates.Of(before, pv.Journal, new Random(i)))
            {
                Assert.Contains(Lvm2Model.Seqno(crashed), new uint?[] { old.Seqno, store.Current.Seqno });
                var read = await MetadataReader.ReadAsync([crashed]);
                Assert.Contains(read.Group?.Version, new MetadataVersion?[] { old.Version, store.Current.Version });
            }
        }
    }
}
