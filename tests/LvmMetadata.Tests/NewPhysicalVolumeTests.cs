using LvmMetadata.Tests.Support;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;
using OvirtSpm.LvmMetadata.Store;

namespace LvmMetadata.Tests;

/// A group over several devices: making one more, and giving extents only where this host sees them.
public sealed class NewPhysicalVolumeTests
{
    private const long Area = 4 << 20;

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task A_device_joins_and_volumes_reach_over_both_devices(int sectorSize)
    {
        var (first, second) = (await Lab.NewGroupAsync(sectorSize, Area), new MemoryPv(1L << 30, sectorSize, "pv1"));
        var store = await LeadAsync(first, 2);
        var made = await MakeAsync(second, store.Current.Uuid);
        var draft = new VolumeGroupDraft(store.Current);
        Assert.Equal(new EditOutcome.Done(made.Extents.Count), draft.AddPhysicalVolume(made.Uuid, "/dev/second", made.Extents));
        Assert.Equal(new EditOutcome.AlreadyThere(made.Extents.Count), draft.AddPhysicalVolume(made.Uuid, "/dev/second", made.Extents));
        var most = draft.FreeExtents;
        Assert.IsType<EditOutcome.Done>(draft.CreateLinear("wide", Lab.Uuid(70), most, [], TestClock.Now, "h"));
        Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(draft, new TestGuard(2), "add"));

        var read = await MetadataReader.ReadAsync([first, second]);
        Assert.Null(read.Problem);
        Assert.Null(read.WriteProblem);
        Assert.Equal(["pv0", "pv1"], read.Group!.PhysicalVolumes.Select(pv => pv.SectionName));
        Assert.Equal(made.Uuid, read.Group.PhysicalVolumes[1].Uuid);
        Assert.Equal(0, read.Group.FreeExtents);
        Assert.Equal([0, 1], read.Group.Find("wide")!.Segments.Select(segment => segment.Areas[0].PvIndex).Order());
        Assert.Equal(2, read.Copies.Count(copy => copy.State is CopyState.Ignored));
        Assert.Equal(2, read.UsedCopies);
        Assert.Equal(made.Extents.DeviceBytes, read.Group.PhysicalVolumes[1].DeviceSizeBytes);
    }

    [Fact]
    public async Task Without_the_other_device_the_group_is_written_only_where_that_is_somebody_elses_care()
    {
        var (first, second) = (await Lab.NewGroupAsync(areaBytes: Area), new MemoryPv(1L << 30, name: "pv1"));
        await AddAsync(await LeadAsync(first, 2), second, 2);
        Assert.Contains("not among the devices", (await MetadataReader.ReadAsync([first])).WriteProblem, StringComparison.Ordinal);
        Assert.Null((await MetadataReader.ReadAsync([first], null, othersElsewhere: true)).Problem);
        var store = await LeadAsync(first, 3);
        Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(Lab.Create(store.Current, "v", 1), new TestGuard(3), "d"));
        // The first device itself must be there, whoever looks after the others.
        Assert.NotNull((await MetadataReader.ReadAsync([second], null, othersElsewhere: true)).Problem);
    }

    [Fact]
    public async Task Nothing_is_given_where_this_host_or_the_one_that_asks_does_not_look()
    {
        var (first, second) = (await Lab.NewGroupAsync(areaBytes: Area), new MemoryPv(4L << 30, name: "pv1"));
        var store = await LeadAsync(first, 2);
        await AddAsync(store, second, 2);
        var (whole, onFirst) = (store.Current.FreeExtents, store.Current.PhysicalVolumes[0].ExtentCount);
        Func<PhysicalVolume, bool> isFirst = pv => pv.Index == 0;

        var draft = new VolumeGroupDraft(store.Current, isFirst);
        Assert.Equal(onFirst, draft.FreeExtents);
        Assert.IsType<EditOutcome.Done>(draft.CreateLinear("a", Lab.Uuid(71), 3, [], TestClock.Now, "h"));
        Assert.IsType<EditOutcome.Done>(draft.Extend("a", 20));
        Assert.All(draft.Find("a")!.Segments, segment => Assert.Equal(0, segment.Areas[0].PvIndex));
        Assert.Equal(new EditOutcome.NoSpace(onFirst - 19, onFirst - 20), draft.CreateLinear("b", Lab.Uuid(72), onFirst - 19, [], TestClock.Now, "h"));
        Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(draft, new TestGuard(2), "d"));

        // Seen again: what lay there is free as before, and is given first, being the emptiest.
        draft = new VolumeGroupDraft(store.Current);
        Assert.Equal(whole - 20, draft.FreeExtents);
        Assert.IsType<EditOutcome.Done>(draft.CreateLinear("b", Lab.Uuid(73), 2, [], TestClock.Now, "h"));
        Assert.Equal(1, draft.Find("b")!.Segments[0].Areas[0].PvIndex);

        // The host that has "a" open sees the first device only; others get from both in the same batch.
        Assert.Equal(new EditOutcome.NoSpace(onFirst - 10, onFirst - 20), draft.Extend("a", onFirst + 10, isFirst));
        Assert.IsType<EditOutcome.Done>(draft.Extend("a", onFirst, isFirst));
        Assert.All(draft.Find("a")!.Segments, segment => Assert.Equal(0, segment.Areas[0].PvIndex));
        Assert.IsType<EditOutcome.Done>(draft.Extend("a", onFirst + 1));
        Assert.Equal(1, draft.Find("a")!.Segments[^1].Areas[0].PvIndex);
        Assert.Equal(whole - onFirst - 3, draft.FreeExtents);
    }

    [Fact]
    public async Task What_a_crash_leaves_is_taken_again_by_the_same_group_and_by_no_other()
    {
        var group = Lab.Uuid(1);
        var whole = new MemoryPv(1L << 30);
        await MakeAsync(whole, group);
        var writes = whole.Journal.Count(io => io.Kind == PvIoKind.Write);
        Assert.Equal(4, writes);
        for (var crash = 0; crash <= writes; crash++)
        {
            var pv = new MemoryPv(1L << 30);
            var left = crash;
            pv.Before = io => left = io.Kind != PvIoKind.Write ? left : left > 0 ? left - 1 : throw new IOException("the host is gone");
            if (crash < writes)
            {
                await Assert.ThrowsAsync<IOException>(() => MakeAsync(pv, group));
            }
            else
            {
                await MakeAsync(pv, group);
            }
            pv.Before = null;
            if (crash > 1)
            {
                var (none, problem) = await NewPhysicalVolume.PrepareAsync(pv.Clone(), Lab.Uuid(99), Lab.Uuid(6), 4 << 20, Area, wipe: false);
                Assert.Null(none);
                Assert.Contains("not empty", problem, StringComparison.Ordinal);
            }
            var again = await MakeAsync(pv, group, uuid: 7);
            Assert.Equal(crash == 0 ? Lab.Uuid(7) : Lab.Uuid(5), again.Uuid);
            Assert.Equal(again.Uuid, (await NewPhysicalVolume.ReadLabelAsync(pv))!.PvUuid);
        }
    }

    [Fact]
    public async Task A_device_of_a_group_is_refused_once_the_note_is_gone_and_whatever_else_lies_on_it()
    {
        var (group, pv) = (Lab.Uuid(1), new MemoryPv(1L << 30));
        await MakeAsync(pv, group);
        var stranger = pv.Clone();
        stranger.Poke(1080, [0x53, 0xef]);
        Assert.Contains("ext2/3/4", (await NewPhysicalVolume.PrepareAsync(stranger, group, Lab.Uuid(6), 4 << 20, Area, wipe: false)).Problem, StringComparison.Ordinal);

        var label = (await NewPhysicalVolume.ReadLabelAsync(pv))!;
        await NewPhysicalVolume.ForgetNoteAsync(pv, Lab.Uuid(98), label, new TestGuard(1)); // of another group: stays
        Assert.NotNull((await NewPhysicalVolume.PrepareAsync(pv, group, Lab.Uuid(6), 4 << 20, Area, wipe: false)).Volume);
        await NewPhysicalVolume.ForgetNoteAsync(pv, group, label, new TestGuard(1));
        Assert.Contains("not empty", (await NewPhysicalVolume.PrepareAsync(pv, group, Lab.Uuid(6), 4 << 20, Area, wipe: false)).Problem, StringComparison.Ordinal);
        var wiped = (await NewPhysicalVolume.PrepareAsync(stranger, group, Lab.Uuid(6), 4 << 20, Area, wipe: true)).Volume!;
        Assert.True(await wiped.WriteAsync(new TestGuard(1)));
        Assert.Equal(["LVM2 physical volume", "LVM2 metadata area"], (await DeviceProbe.ProbeAsync(stranger)).Select(found => found.What));
    }

    [Fact]
    public async Task A_closed_guard_lets_nothing_through_and_a_small_device_is_refused_untouched()
    {
        var pv = new MemoryPv(1L << 30);
        var (made, _) = await NewPhysicalVolume.PrepareAsync(pv, Lab.Uuid(1), Lab.Uuid(5), 4 << 20, Area, wipe: false);
        Assert.False(await made!.WriteAsync(new TestGuard(1, allowed: 0)));
        Assert.DoesNotContain(pv.Journal, io => io.Kind == PvIoKind.Write);
        var (none, problem) = await NewPhysicalVolume.PrepareAsync(new MemoryPv(8 << 20), Lab.Uuid(1), Lab.Uuid(5), 4 << 20, Area, wipe: true);
        Assert.Null(none);
        Assert.Contains("too small", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ten_thousand_volumes_on_eight_devices_lie_in_one_piece_each_evenly_and_the_same_every_time()
    {
        var group = (await LeadAsync(await Lab.NewGroupAsync(areaBytes: 32 << 20), 2)).Current;
        var layouts = Enumerable.Range(0, 2).Select(_ =>
        {
            var draft = new VolumeGroupDraft(group);
            for (var pv = 1; pv < 8; pv++)
            {
                Assert.IsType<EditOutcome.Done>(draft.AddPhysicalVolume(Lab.Uuid(500 + pv), $"/dev/pv{pv}", new PvExtents(16L << 30, 36 << 20, 4000)));
            }
            for (var i = 0; i < 10_000; i++)
            {
                Assert.IsType<EditOutcome.Done>(draft.CreateLinear($"v{i}", Lab.Uuid(100_000 + i), 1 + (i % 3), [], TestClock.Now, "h"));
            }
            return Lab.TextOf(draft.Build(group.Seqno + 1, 2, TestClock.Now, "d", "h"));
        }).ToList();
        Assert.Equal(layouts[0], layouts[1]);
        Assert.Null(VolumeGroup.TryParse(layouts[0], out var read));
        Assert.Null(read!.WriteRefusal);
        Assert.All(read.LogicalVolumes, volume => Assert.Single(volume.Segments));
        var used = read.LogicalVolumes.GroupBy(volume => volume.Segments[0].Areas[0].PvIndex).ToDictionary(pv => pv.Key, pv => pv.Sum(volume => volume.ExtentCount));
        Assert.Equal(Enumerable.Range(1, 7), used.Keys.Order().Where(pv => pv > 0));
        // The seven alike are as full as each other, to the extents of one volume.
        Assert.InRange(used.Where(pv => pv.Key > 0).Max(pv => pv.Value) - used.Where(pv => pv.Key > 0).Min(pv => pv.Value), 0, 3);
    }

    private static async Task<NewPhysicalVolume> MakeAsync(MemoryPv pv, LvmUuid group, int uuid = 5)
    {
        var (made, problem) = await NewPhysicalVolume.PrepareAsync(pv, group, Lab.Uuid(uuid), 4 << 20, Area, wipe: false);
        Assert.True(made is not null, problem);
        Assert.True(await made!.WriteAsync(new TestGuard(1)));
        return made;
    }

    private static async Task AddAsync(MetadataStore store, MemoryPv second, ulong epoch)
    {
        var made = await MakeAsync(second, store.Current.Uuid);
        var draft = new VolumeGroupDraft(store.Current);
        Assert.IsType<EditOutcome.Done>(draft.AddPhysicalVolume(made.Uuid, "/dev/second", made.Extents));
        Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(draft, new TestGuard(epoch), "add"));
    }

    private static async Task<MetadataStore> LeadAsync(MemoryPv pv, ulong epoch)
    {
        var opened = Assert.IsType<OpenOutcome.Opened>(await MetadataStore.OpenAsync([pv], new TestClock(), "host", othersElsewhere: true));
        Assert.IsType<TakeOverOutcome.TakenOver>(await opened.Store.TakeOverAsync(new TestGuard(epoch)));
        return opened.Store;
    }
}
