using System.Text;
using LvmMetadata.Tests.Support;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;

namespace LvmMetadata.Tests;

public sealed class StoreLeaveTests
{
    [Fact]
    public async Task A_group_that_is_left_to_others_has_nothing_of_ours_in_its_text_and_a_crash_leaves_it_or_what_was()
    {
        var pv = await Lab.NewGroupAsync();
        var store = await Lab.LeadAsync(pv, 2);
        Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(Lab.Create(store.Current, "a", 3), new TestGuard(2), "a"));
        var (old, before) = (store.Current, pv.Clone());
        pv.Journal.Clear();

        var opened = Assert.IsType<OpenOutcome.Opened>(await MetadataStore.OpenAsync([pv], new TestClock(), "host"));
        var left = Assert.IsType<TakeOverOutcome.TakenOver>(await opened.Store.TakeOverAsync(new TestGuard(3), journal: _ => ValueTask.FromResult(new TakeOverBasis(null, null, draft =>
        {
            draft.LeaveToOthers();
            return null;
        })))).Group;
        Assert.Equal((null, false), (left.Epoch, left.HasTripwire));
        foreach (var crashed in CrashStates.Of(before, pv.Journal, new Random(3)))
        {
            // lvm2 goes by the number alone and has one or the other; we have what was until both headers name what is left.
            Assert.Contains(Lvm2Model.Seqno(crashed), new uint?[] { old.Seqno, left.Seqno });
            Assert.Contains((await MetadataReader.ReadAsync([crashed])).Group?.Version, new MetadataVersion?[] { old.Version, left.Version });
        }

        var read = await MetadataReader.ReadAsync([pv]);
        Assert.Equal((null, false, left.Seqno), (read.Group!.Epoch, read.Group.HasTripwire, read.Group.Seqno));
        Assert.True(left.Seqno > old.Seqno);
        Assert.All(read.Copies, copy => Assert.DoesNotContain("spm_epoch", Encoding.ASCII.GetString(copy.Text.Span), StringComparison.OrdinalIgnoreCase));
        Assert.Equal(old.LogicalVolumes.Select(lv => lv.Name), read.Group.LogicalVolumes.Select(lv => lv.Name));
        // Nothing of this store follows; whoever comes back takes the group over as anybody's.
        Assert.IsType<CommitOutcome.NotIssued>(await opened.Store.CommitAsync(Lab.Create(opened.Store.Current, "b", 1), new TestGuard(3), "b"));
        Assert.Equal(4ul, (await Lab.LeadAsync(pv, 4)).Current.Epoch);
    }
}
