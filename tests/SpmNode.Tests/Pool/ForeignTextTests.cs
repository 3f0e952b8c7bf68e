using System.Text;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.OnDisk;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Node.Tests.Storage;

namespace OvirtSpm.Node.Tests.Pool;

/// <summary>R22: what another program may write into the group, and what ends the term.</summary>
public sealed class ForeignTextTests
{
    readonly ManualClock clock = new();

    /// R10: under another slot's number the volume looks unused while a guest writes it.
    [Theory]
    [InlineData("MD_77")]
    [InlineData(null)]
    public async Task A_slot_tag_that_another_program_changed_ends_the_term_and_is_not_taken_over_either(string? now)
    {
        var lun = await TestDomain.LunAsync();
        var term = await TestDomain.LeadAsync(lun, clock: clock);
        var volume = $"{await term.CreateAsync()}";
        var tag = term.Term.Worker.Current.Find(volume)!.Tags.Single(one => one.StartsWith("MD_", StringComparison.Ordinal));
        await WriteAsStockAsync(lun, draft => draft.ChangeTags(volume, [tag], now is null ? [] : [now]));
        clock.Pass(TimeSpan.FromSeconds(1));
        await term.Writing.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        Assert.Contains($"had the slot tag {tag}, and has {now ?? "none"} now", term.Term.Fence.ClosedBecause, StringComparison.Ordinal);

        var fence = new PoolFence(3, _ => true, TimeSpan.Zero, clock, () => ValueTask.FromResult(Leases.ConfirmOutcome.Ours));
        var next = await SpmTerm.BeginAsync(term.Domain, fence, clock, "test", term.Counters);
        Assert.Contains($"had the slot tag {tag}", Assert.IsType<TermStart.Failed>(next).Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tag_that_means_nothing_to_us_is_gone_on_with()
    {
        var lun = await TestDomain.LunAsync();
        var term = await TestDomain.LeadAsync(lun, clock: clock);
        var volume = $"{await term.CreateAsync()}";
        await WriteAsStockAsync(lun, draft => draft.ChangeTags(volume, [], ["by-stock"]));
        clock.Pass(TimeSpan.FromSeconds(1));
        await AsyncWait.UntilAsync(() => term.Counters.ForeignWrites == 1);
        await AsyncWait.UntilAsync(() => term.Term.Worker.Current.Find(volume)!.Tags.Contains("by-stock"));
        Assert.Null(term.Term.Fence.ClosedBecause);
    }

    /// <summary>As lvm2 does it: one more seqno, our epoch's tag kept, no tripwire.</summary>
    static async Task WriteAsStockAsync(MemoryLun lun, Action<VolumeGroupDraft> change)
    {
        var read = await MetadataReader.ReadAsync([lun.Metadata]);
        var draft = new VolumeGroupDraft(read.Group!);
        change(draft);
        var built = draft.Build(read.Group!.Seqno + 1, read.Group.Epoch!.Value, DateTimeOffset.UnixEpoch, "lvchange", "stock");
        var text = new byte[built.TextLength];
        built.WriteText(text);
        var bytes = Encoding.ASCII.GetBytes(Encoding.ASCII.GetString(text).Replace($"\nspm_epoch = {built.Epoch}", "", StringComparison.Ordinal) + "\0");
        foreach (var copy in read.Copies)
        {
            var place = new MetadataRing(copy.AreaSizeBytes, 512).Next(copy.Location!.Value, bytes.Length)!.Value;
            lun.Poke(copy.AreaOffsetBytes + place, bytes);
            var header = new byte[512];
            new MdaHeader(copy.AreaOffsetBytes, copy.AreaSizeBytes, new TextLocation(place, bytes.Length, LvmCrc.Compute(bytes), 0), default).Format(header);
            lun.Poke(copy.AreaOffsetBytes, header);
        }
    }
}
