using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Node.Tests.Storage;

namespace OvirtSpm.Node.Tests.Pool;

/// <summary>R6: what lands on the headers behind the SPM's back is found within a second. R25: the lease is read again before a header.</summary>
public sealed class PoolScrubTests
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    readonly ManualClock clock = new();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task A_stale_header_that_lands_under_an_idle_SPM_is_replaced_from_memory_within_a_second(int copy)
    {
        var lun = await TestDomain.LunAsync();
        var term = await TestDomain.LeadAsync(lun, clock: clock);
        var at = (await MetadataReader.ReadAsync([lun.Metadata])).Copies[copy].AreaOffsetBytes;
        var old = lun.Peek(at, 512);
        var volume = (await term.CreateAsync()).ToString();
        lun.Poke(at, old);

        clock.Pass(TimeSpan.FromSeconds(1));
        await UntilAsync(() => term.Counters.StaleWrites == 1);

        var read = await MetadataReader.ReadAsync([lun.Metadata]);
        Assert.All(read.Copies, one => Assert.IsType<CopyState.Current>(one.State));
        Assert.NotNull(read.Group!.Find(volume));
        Assert.Null(term.Term.Fence.ClosedBecause);
        Assert.Equal(0, term.Counters.ForeignWrites);
        Assert.IsType<PoolResult.Done>(await Extend(term, volume, 3));
        var writes = lun.Writes;
        clock.Pass(TimeSpan.FromSeconds(1));
        Assert.IsType<PoolResult.Done>(await Extend(term, volume, 4));
        // A journal block, two texts, two headers.
        Assert.Equal((1, 5), (term.Counters.StaleWrites, lun.Writes - writes));
    }

    [Fact]
    public async Task A_stale_header_found_by_a_commit_is_replaced_and_the_commit_goes_on()
    {
        var lun = await TestDomain.LunAsync();
        var term = await TestDomain.LeadAsync(lun, clock: clock);
        var at = (await MetadataReader.ReadAsync([lun.Metadata])).Copies[0].AreaOffsetBytes;
        var old = lun.Peek(at, 512);
        var volume = (await term.CreateAsync()).ToString();
        lun.Poke(at, old);

        Assert.IsType<PoolResult.Done>(await Extend(term, volume, 3));
        Assert.Equal((1, 0), (term.Counters.StaleWrites, term.Counters.ForeignWrites));
    }

    [Fact]
    public async Task A_newer_SPM_on_disk_is_noticed_within_a_second_and_ends_the_term_without_a_write()
    {
        var lun = await TestDomain.LunAsync();
        var former = await TestDomain.LeadAsync(lun, clock: clock);
        await TestDomain.LeadAsync(lun.OpenAgain(), epoch: 3, host: 2);
        var writes = lun.Writes;

        clock.Pass(TimeSpan.FromSeconds(1));
        await former.Writing.WaitAsync(Patience);

        Assert.Contains("epoch 3", former.Term.Fence.ClosedBecause, StringComparison.Ordinal);
        Assert.Equal(writes, lun.Writes);
    }

    [Theory]
    [InlineData(ConfirmOutcome.NotOurs, true)]
    [InlineData(ConfirmOutcome.Unknown, false)]
    public async Task A_lease_that_is_not_confirmed_directly_before_the_header_leaves_both_headers_alone(ConfirmOutcome found, bool ends)
    {
        var lun = await TestDomain.LunAsync();
        var says = ConfirmOutcome.Ours;
        var term = await TestDomain.LeadAsync(lun, clock: clock, confirm: () => says);
        var volume = (await term.CreateAsync()).ToString();
        var headers = (await MetadataReader.ReadAsync([lun.Metadata])).Copies.Select(copy => (copy.AreaOffsetBytes, lun.Peek(copy.AreaOffsetBytes, 512))).ToList();

        says = found;
        Assert.IsType<PoolResult.NotIssued>(await Extend(term, volume, 3));

        Assert.All(headers, header => Assert.Equal(header.Item2, lun.Peek(header.AreaOffsetBytes, 512)));
        Assert.Equal(ends, term.Term.Fence.ClosedBecause is not null);
        says = ConfirmOutcome.Ours;
        Assert.IsType(ends ? typeof(PoolResult.NotIssued) : typeof(PoolResult.Done), await Extend(term, volume, 3));
    }

    [Theory]
    [InlineData(ConfirmOutcome.NotOurs, true)]
    [InlineData(ConfirmOutcome.Unknown, false)]
    [InlineData(ConfirmOutcome.Restored, false)]
    public async Task R27_an_idle_SPM_reads_its_leader_sector_every_second_and_steps_down_when_it_names_another(ConfirmOutcome found, bool ends)
    {
        var lun = await TestDomain.LunAsync();
        var (says, asked) = (ConfirmOutcome.Ours, new SemaphoreSlim(0));
        var term = await TestDomain.LeadAsync(lun, clock: clock, confirm: () =>
        {
            asked.Release();
            return says;
        });
        Assert.True(await asked.WaitAsync(Patience)); // by the takeover
        var writes = lun.Writes;
        says = found;
        clock.Pass(TimeSpan.FromSeconds(1));
        Assert.True(await asked.WaitAsync(Patience));
        if (ends)
        {
            await term.Writing.WaitAsync(Patience);
        }
        Assert.Equal(ends, term.Term.Fence.ClosedBecause is not null);
        Assert.Equal(writes, lun.Writes);
    }

    /// R22: the term ended, so the next takeover opens the metadata afresh; what the node acknowledged before is not forgotten.
    [Fact]
    public async Task A_foreign_text_that_lost_an_acknowledged_volume_is_refused_at_the_next_takeover_of_whoever_knew_it()
    {
        var lun = await TestDomain.LunAsync();
        var term = await TestDomain.LeadAsync(lun, clock: clock);
        var past = (await MetadataReader.ReadAsync([lun.Metadata])).Group!;
        var volume = (await term.CreateAsync()).ToString();
        term.Term.Fence.Close("the test ends the term");

        Assert.Equal(term.Term.Worker.Current.Version, term.Domain.Seen.Newest);
        var known = term.Domain.Seen.Known!;
        Assert.True(known.IsWhole);
        Assert.NotNull(known.Group.Find(volume));
        Assert.Contains(volume, ForeignCheck.AcknowledgedSegmentsKept(known.Group, past), StringComparison.Ordinal);
    }

    static Task<PoolResult> Extend(TestTerm term, string volume, long extents) =>
        term.Term.Worker.SubmitAsync($"extend {volume}", draft => draft.Extend(volume, extents)).WaitAsync(Patience);

    static async Task UntilAsync(Func<bool> holds)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (!holds())
        {
            await Task.Delay(1, limit.Token);
        }
    }
}
