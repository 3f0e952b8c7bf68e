using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Tests.Pool.Recovery;

/// <summary>R24: an id takes effect once at most, and "refused" never does.</summary>
public sealed class RequestDeskTests
{
    const long Extent = 128L << 20;
    static readonly Guid life = Guid.Parse("0f8fad5b-d9cb-469f-a165-70867728950e");
    static readonly Guid volume = Guid.Parse("eeeeeeee-0000-0000-0000-000000000001");

    static RequestId Id(ulong counter) => new(7, life, counter);

    /// The first message was thought lost; it arrives after the volume had grown further and was deleted.
    [Fact]
    public async Task A_request_that_arrives_again_later_is_answered_with_what_is_there_now_and_does_nothing()
    {
        var lun = await TestDomain.LunAsync();
        var term = await TestDomain.LeadAsync(lun);
        await term.CreateAsync(Id(1), TestTerm.Request(volume));
        Assert.Equal(2 * Extent, (await term.ExtendAsync(Id(2), volume, 2 * Extent)).AllocatedBytes);
        await term.ExtendAsync(Id(3), volume, 4 * Extent);
        var writes = lun.Writes;
        Assert.Equal(4 * Extent, (await term.ExtendAsync(Id(2), volume, 2 * Extent)).AllocatedBytes);
        Assert.Equal(writes, lun.Writes);

        await term.DeleteAsync(Id(4), volume);
        await term.EndAsync();
        var next = await TestDomain.LeadAsync(lun, epoch: 3);
        writes = lun.Writes;
        await next.CreateAsync(Id(1), TestTerm.Request(volume));
        await next.DeleteAsync(Id(4), volume);
        Assert.Null(next.Term.Volumes.Find(volume));
        Assert.Equal(writes, lun.Writes);
    }

    [Fact]
    public async Task What_was_refused_stays_refused_when_the_message_arrives_twice()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        await Assert.ThrowsAsync<Refusal>(() => term.ExtendAsync(Id(1), volume, 2 * Extent));
        await term.CreateAsync(Id(2), TestTerm.Request(volume));
        Assert.Equal(RefusalCode.NotFound, (await Assert.ThrowsAsync<Refusal>(() => term.ExtendAsync(Id(1), volume, 2 * Extent))).Code);
        Assert.Equal(2 * Extent, (await term.ExtendAsync(Id(3), volume, 2 * Extent)).AllocatedBytes);
    }

    [Fact]
    public async Task A_request_that_arrives_twice_at_once_is_done_once_and_both_are_answered()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var made = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => term.CreateAsync(Id(1), TestTerm.Request(volume))));
        Assert.All(made, one => Assert.Equal(volume, one.Uuid));
        Assert.Equal(2, term.Counters.Commits);
    }

    [Fact]
    public async Task An_id_is_used_for_one_kind_of_request_and_below_the_kept_ones_it_is_refused()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        await term.CreateAsync(Id(1), TestTerm.Request(volume));
        Assert.Equal(RefusalCode.Invalid, (await Assert.ThrowsAsync<Refusal>(() => term.DeleteAsync(Id(1), volume))).Code);
        Assert.NotNull(term.Term.Volumes.Find(volume));
        term.Term.Journal.Later(new JournalRecord.Forgotten(7, life, 5));
        await term.EndAsync();
        var next = await TestDomain.LeadAsync(term.Lun, epoch: 3);
        var refusal = await Assert.ThrowsAsync<Refusal>(() => next.ExtendAsync(Id(4), volume, 2 * Extent));
        Assert.Contains("too old", refusal.Message, StringComparison.Ordinal);
        await next.ExtendAsync(Id(6), volume, 2 * Extent);
    }

    /// C5: it was told that nothing happened, so nothing may happen later.
    [Fact]
    public async Task A_raw_extend_that_is_refused_while_it_zeroes_is_taken_back_and_not_resumed()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        await term.Creation.CreateAsync(TestTerm.Request(volume, "raw", Extent));
        term.Zeroing = () => throw Refusal.Unavailable("the device does not zero");
        await Assert.ThrowsAsync<Refusal>(() => term.ExtendAsync(Id(1), volume, 3 * Extent));
        term.Zeroing = null;
        await term.Recovery.TryAllAsync(CancellationToken.None);
        Assert.Equal(Extent, term.Term.Volumes.Find(volume)!.Slot!.CapacityBytes);
        await term.EndAsync();
        var next = await TestDomain.LeadAsync(term.Lun, epoch: 3);
        Assert.Empty(next.Term.Journal.Open);
        Assert.Equal(OperationOutcome.Undone, next.Term.Journal.Find(Id(1)).Answer!.Outcome);
        Assert.Equal(3 * Extent, (await next.ExtendAsync(Id(2), volume, 3 * Extent)).AllocatedBytes);
        Assert.Equal(2 * Extent, next.Zeroed.Sum(segment => segment.LengthBytes));
    }

    /// A guest that has the disk must never find zeros where it has written.
    [Fact]
    public async Task A_raw_extend_whose_disk_is_in_use_by_now_is_taken_back_without_a_zero()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        await term.Creation.CreateAsync(TestTerm.Request(volume, "raw", Extent));
        term.Zeroing = () => throw new InvalidOperationException("the SPM dies here");
        await Assert.ThrowsAsync<InvalidOperationException>(() => term.ExtendAsync(Id(1), volume, 3 * Extent));
        Assert.Single(term.Term.Journal.Open);
        await term.MapsOf(5).SetAsync(term.Term.Volumes.Find(volume)!.Tags.Slot!.Value, ActivationMode.ReadWrite, 1);

        var next = await TestDomain.LeadAsync(term.Lun.Copy(), epoch: 3, host: 2);
        await next.Recovery.TryAllAsync(CancellationToken.None);
        Assert.Empty(next.Zeroed);
        Assert.Empty(next.Term.Journal.Open);
        Assert.Equal(Extent, next.Term.Volumes.Find(volume)!.Slot!.CapacityBytes);
    }

    [Fact]
    public async Task A_removal_whose_volume_is_in_use_by_now_is_taken_back_and_its_caller_learns_that()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        await term.Creation.CreateAsync(TestTerm.Request(volume));
        // Text, text, header, header of the mark's commit behind its journal block: then the SPM is gone.
        term.Lun.DiesAfter = term.Lun.Writes + 5;
        await Record.ExceptionAsync(() => term.DeleteAsync(Id(1), volume));
        var disk = term.Lun.Copy();
        var next = await TestDomain.LeadAsync(disk, epoch: 3, host: 2);
        Assert.Equal("removing", Assert.Single(await TestDomain.VolumesAsync(disk)).State);
        await next.MapsOf(5).SetAsync(next.Term.Volumes.Find(volume)!.Tags.Slot!.Value, ActivationMode.ReadWrite, 1);
        await next.Recovery.TryAllAsync(CancellationToken.None);
        Assert.Equal("ready", Assert.Single(await TestDomain.VolumesAsync(disk)).State);
        var told = await Assert.ThrowsAsync<Refusal>(() => next.DeleteAsync(Id(1), volume));
        Assert.Contains("did not happen", told.Message, StringComparison.Ordinal);
    }
}
