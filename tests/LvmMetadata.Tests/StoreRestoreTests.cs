using System.Text;
using LvmMetadata.Tests.Support;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;
using OvirtSpm.LvmMetadata.Store;

namespace LvmMetadata.Tests;

public sealed class StoreRestoreTests
{
    [Fact]
    public async Task A_kept_text_becomes_current_above_everything_and_a_crash_leaves_it_or_what_was()
    {
        var pv = await Lab.NewGroupAsync();
        var kept = await KeepAsync(pv, ["a", "b"], epoch: 2);
        var store = await Lab.LeadAsync(pv, 3);
        Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(Lab.Create(store.Current, "later", 3), new TestGuard(3), "later"));
        var (old, before) = (store.Current, pv.Clone());
        pv.Journal.Clear();

        var taken = Assert.IsType<TakeOverOutcome.TakenOver>(await RestoreAsync(pv, kept, 4));
        Assert.Equal(["a", "b"], taken.Group.LogicalVolumes.Select(volume => volume.Name));
        Assert.True(taken.Group.Version > old.Version && taken.Group.Seqno > old.Seqno);
        Assert.True(taken.Group.HasTripwire);
        foreach (var crashed in CrashStates.Of(before, pv.Journal, new Random(3)))
        {
            Assert.Contains(Lvm2Model.Seqno(crashed), new uint?[] { old.Seqno, taken.Group.Seqno });
            Assert.Contains((await MetadataReader.ReadAsync([crashed])).Group?.Version, new MetadataVersion?[] { old.Version, taken.Group.Version });
        }
        Assert.Equal(["a", "b"], (await Lab.LeadAsync(pv, 5)).Current.LogicalVolumes.Select(volume => volume.Name));
    }

    /// The header of a text that still lies in a ring may come back from a cache, or from a path that was away.
    [Fact]
    public async Task Without_a_header_it_goes_above_every_text_that_still_lies_in_a_ring()
    {
        var pv = await Lab.NewGroupAsync();
        var kept = await KeepAsync(pv, ["a"], epoch: 2);
        var store = await Lab.LeadAsync(pv, 3);
        for (var i = 0; i < 5; i++)
        {
            Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(Lab.Create(store.Current, $"v{i}", 1), new TestGuard(3), "more"));
        }
        var headers = (await MetadataReader.ReadAsync([pv])).Copies.Select(copy => copy.AreaOffsetBytes).ToList();
        var lost = headers.Select(at => (At: at, Bytes: Peek(pv, at))).ToList();
        headers.ForEach(at => pv.Poke(at, new byte[512]));
        Assert.Null((await MetadataReader.ReadAsync([pv])).Group);

        var taken = Assert.IsType<TakeOverOutcome.TakenOver>(await RestoreAsync(pv, kept, 4));
        Assert.True(taken.Group.Seqno > store.Current.Seqno);
        pv.Poke(lost[1].At, lost[1].Bytes);
        Assert.Equal(taken.Group.Version, (await MetadataReader.ReadAsync([pv])).Group!.Version);
        Assert.Equal(taken.Group.Seqno, Lvm2Model.Seqno(pv));
    }

    [Fact]
    public async Task What_does_not_belong_there_or_comes_too_late_is_not_restored()
    {
        var pv = await Lab.NewGroupAsync();
        var kept = await KeepAsync(pv, ["a"], epoch: 5);
        Assert.Equal(new TakeOverOutcome.EpochNotAbove(5), await RestoreAsync(pv, kept, 5));
        Assert.Contains("is of 'vg'", Reason(await RestoreAsync(pv, Changed(kept, $"{kept.Uuid}", $"{Lab.Uuid(77)}"), 6)), StringComparison.Ordinal);
        Assert.Contains("not among the devices", Reason(await RestoreAsync(pv, Changed(kept, $"{kept.PhysicalVolumes[0].Uuid}", $"{Lab.Uuid(78)}"), 6)), StringComparison.Ordinal);
        Assert.Contains("its extents end at", Reason(await RestoreAsync(pv, Changed(kept, "\npe_count = ", "\npe_count = 9"), 6)), StringComparison.Ordinal);
        Assert.Contains("exported", Reason(await RestoreAsync(pv, Changed(kept, "\"RESIZEABLE\"", "\"RESIZEABLE\", \"EXPORTED\""), 6)), StringComparison.Ordinal);
        Assert.DoesNotContain(pv.Journal, io => io.Kind == PvIoKind.Write && io.Data.AsSpan().IndexOf("restore what"u8) >= 0);

        // R1: the deadline passes behind the first write; what was written may be there, and nobody is told that it is.
        Assert.IsType<TakeOverOutcome.Unknown>(await MetadataStore.RestoreAsync([pv], kept, new TestGuard(6, allowed: 3), new TestClock(), "host"));
    }

    private static ValueTask<TakeOverOutcome> RestoreAsync(MemoryPv pv, VolumeGroup kept, ulong epoch) =>
        MetadataStore.RestoreAsync([pv], kept, new TestGuard(epoch), new TestClock(), "host");

    private static async Task<VolumeGroup> KeepAsync(MemoryPv pv, string[] volumes, ulong epoch)
    {
        var store = await Lab.LeadAsync(pv, epoch);
        foreach (var name in volumes)
        {
            Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(Lab.Create(store.Current, name, 2), new TestGuard(epoch), "made"));
        }
        return Changed(store.Current, "", "");
    }

    private static VolumeGroup Changed(VolumeGroup group, string from, string to)
    {
        var text = Lab.TextOf(group);
        if (from.Length > 0)
        {
            text = Encoding.ASCII.GetBytes(Encoding.ASCII.GetString(text).Replace(from, to, StringComparison.Ordinal));
        }
        Assert.Null(BackupText.TryRead(text, out var kept));
        return kept!;
    }

    private static byte[] Peek(MemoryPv pv, long at)
    {
        var bytes = new byte[512];
        pv.Peek(at, bytes);
        return bytes;
    }

    private static string Reason(TakeOverOutcome outcome) => Assert.IsType<TakeOverOutcome.NotIssued>(outcome).Reason;
}
