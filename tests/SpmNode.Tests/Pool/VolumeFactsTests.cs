using OvirtSpm.Node.Api;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Pool;

/// <summary>Description, legality, generation and the guarded-operation rule; collapsing a chain.</summary>
public sealed class VolumeFactsTests
{
    [Fact]
    public async Task Description_and_legality_are_one_write_and_an_illegal_volume_is_no_longer_usable()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await term.CreateAsync();
        var set = await SetAsync(term, volume, new("{\"DiskAlias\":\"d1\",\"note\":\"x\"}", "illegal"));
        Assert.Equal(("d1", VolumeLegality.Illegal, false, 0), (set.Alias, set.Slot!.Legality, set.IsUsable, set.Slot.Generation));
        var listed = Assert.Single(await TestDomain.VolumesAsync(term.Lun));
        Assert.Equal(("illegal", 0, "{\"DiskAlias\":\"d1\",\"note\":\"x\"}", "damaged"), (listed.Legality, listed.Generation, listed.Description, listed.State));
        Assert.True((await SetAsync(term, volume, new(Legality: "LEGAL"))).IsUsable);
        foreach (var nonsense in new VolumeChange.Set[] { new(), new(Legality: "fake"), new(new string('x', 211)), new("two\nlines") })
        {
            Assert.Equal(RefusalCode.Invalid, (await Assert.ThrowsAsync<Refusal>(() => SetAsync(term, volume, nonsense))).Code);
        }
    }

    /// oVirt's rule: whoever is late, or asks twice, is refused instead of doing it again.
    [Fact]
    public async Task An_operation_that_names_another_generation_is_refused_and_one_that_was_done_has_raised_it()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await term.CreateAsync(bytes: 1L << 30);
        await term.Term.Worker.SubmitAsync("grow", draft => draft.Extend($"{volume}", 4));
        var generation = 0;
        foreach (var change in new VolumeChange[]
        {
            new VolumeChange.Describe("a"), new VolumeChange.Set(Description: "b"), new VolumeChange.Resize(2L << 30), new VolumeChange.Reduce(), new VolumeChange.Share(),
        })
        {
            var wrong = await Assert.ThrowsAsync<Refusal>(() => ChangeAsync(term, volume, change with { ExpectedGeneration = generation + 1 }));
            Assert.Equal(RefusalCode.Conflict, wrong.Code);
            Assert.Contains($"has generation {generation}, not {generation + 1}", wrong.Message, StringComparison.Ordinal);
            Assert.Equal(generation + 1, (await ChangeAsync(term, volume, change with { ExpectedGeneration = generation })).Slot!.Generation);
            generation++;
        }
        Assert.Equal(generation + 1, (await SetAsync(term, volume, new(NextGeneration: true))).Slot!.Generation);
        await term.Work.WriteSlotAsync(term.Term.Volumes.Find(volume)!, slot => slot with { Generation = 999 });
        Assert.Equal(0, (await SetAsync(term, volume, new(NextGeneration: true))).Slot!.Generation);
    }

    [Fact]
    public async Task What_a_host_uses_keeps_its_legality_and_its_generation_and_may_be_described()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await term.CreateAsync();
        await term.MapsOf(7).SetAsync(term.Term.Volumes.Find(volume)!.Tags.Slot!.Value, ActivationMode.ReadWrite, 1);
        Assert.Equal(RefusalCode.Conflict, (await Assert.ThrowsAsync<Refusal>(() => SetAsync(term, volume, new(Legality: "illegal")))).Code);
        Assert.Equal(RefusalCode.Conflict, (await Assert.ThrowsAsync<Refusal>(() => SetAsync(term, volume, new(NextGeneration: true)))).Code);
        Assert.Equal("told", (await SetAsync(term, volume, new("told"))).Slot!.Description);
    }

    /// A merge that goes on would take LEGAL for "not begun".
    [Fact]
    public async Task What_an_open_operation_made_illegal_is_not_made_legal_by_hand()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var (parent, child) = (await term.CreateAsync(), Guid.NewGuid());
        await term.Creation.CreateAsync(TestTerm.Request(child, bytes: 0) with { Parent = $"{parent}" });
        await term.Work.WriteSlotAsync(term.Term.Volumes.Find(parent)!, slot => slot with { Legality = VolumeLegality.Illegal });
        var operation = await term.Work.BeginAsync(OperationKind.Merge, null, term.Term.Volumes.Find(child)!);
        Assert.Equal(RefusalCode.Unavailable, (await Assert.ThrowsAsync<Refusal>(() => SetAsync(term, parent, new(Legality: "legal")))).Code);
        term.Work.End(operation, OperationOutcome.Undone);
        Assert.True((await SetAsync(term, parent, new(Legality: "legal"))).IsUsable);
    }

    [Fact]
    public async Task A_collapsed_chain_is_its_base_and_what_would_stop_half_way_is_refused_before_it_begins()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var chain = await ChainAsync(term, 4);
        var beside = Guid.NewGuid();
        await term.Creation.CreateAsync(TestTerm.Request(beside, bytes: 0) with { Parent = $"{chain[1]}" });
        var refused = await Assert.ThrowsAsync<Refusal>(() => ChangeAsync(term, chain[3], new VolumeChange.Collapse()));
        Assert.Contains($"{chain[1]} in it has 2 children", refused.Message, StringComparison.Ordinal);
        Assert.Equal(5, term.Term.Volumes.View().Volumes.Length);

        await term.Removal.DeleteAsync($"{beside}");
        var id = new RequestId(1, Guid.NewGuid(), 1);
        var left = await term.ChangeAsync(id, chain[3], new VolumeChange.Collapse());
        Assert.Equal((chain[0], VolumeRole.Leaf, true), (left.Uuid, left.Slot!.Role, left.IsUsable));
        Assert.Single(term.Term.Volumes.View().Volumes);
        // R24: asked again it is not done again, and the answer is no error.
        await term.ChangeAsync(id, chain[3], new VolumeChange.Collapse());
        Assert.Equal($"{chain[0]}", $"{(await ChangeAsync(term, chain[0], new VolumeChange.Collapse())).Uuid}");
    }

    /// Who waits for a task of many merges sees one way to the end, not one for each.
    [Fact]
    public async Task A_collapse_tells_how_far_all_of_its_merges_are()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var told = new Told();
        await term.Images.ChangeAsync($"{(await ChainAsync(term, 4))[3]}", new VolumeChange.Collapse(), null, CancellationToken.None, told);
        Assert.Equal([33, 67, 100], told.Percent);
    }

    /// Every write of it is one at which the SPM may die: asked again it ends in the base, and nothing of the content is lost.
    [Fact]
    public async Task A_collapse_that_an_SPM_died_in_is_finished_by_asking_again()
    {
        var (id, ended, died) = (new RequestId(1, Guid.NewGuid(), 7), false, 0);
        for (var after = 0; !ended; after += 3)
        {
            var term = await TestDomain.LeadAsync(await TestDomain.LunAsync());
            var chain = await ChainAsync(term, 3);
            term.Lun.DiesAfter = term.Lun.Writes + after;
            ended = await Record.ExceptionAsync(() => term.ChangeAsync(id, chain[2], new VolumeChange.Collapse())) is null;
            died += ended ? 0 : 1;
            Assert.True(after < 400, "it never ends");
            var next = await TestDomain.LeadAsync(term.Lun.Copy(), epoch: 3);
            await next.Maps.AdoptAsync(1);
            await next.Recovery.TryAllAsync(CancellationToken.None);
            if (next.Term.Volumes.Find(chain[2]) is not null)
            {
                await next.ChangeAsync(id with { Counter = 8 }, chain[2], new VolumeChange.Collapse());
            }
            var left = Assert.Single(next.Term.Volumes.View().Volumes);
            Assert.Equal((chain[0], true, 0), (left.Uuid, left.IsUsable, left.Problems.Count));
            Assert.Empty(next.Term.Journal.Open);
            Assert.Equal([1, 2, 3], (await next.Cells.ReadAsync([next.Work.Layer(left)]))[..3]);
        }
        Assert.True(died >= 5, $"{died} crashes");
    }

    static async Task<List<Guid>> ChainAsync(TestTerm term, int length)
    {
        var chain = new List<Guid> { await term.CreateAsync() };
        while (chain.Count < length)
        {
            var child = Guid.NewGuid();
            await term.Creation.CreateAsync(TestTerm.Request(child, bytes: 0) with { Parent = $"{chain[^1]}" });
            chain.Add(child);
        }
        for (var layer = 0; layer < length; layer++)
        {
            await term.Cells.WriteAsync(term.Work.Layer(term.Term.Volumes.Find(chain[layer])!), layer, (byte)(layer + 1));
        }
        return chain;
    }

    static Task<VolumeInfo> SetAsync(TestTerm term, Guid volume, VolumeChange.Set change) => ChangeAsync(term, volume, change);

    sealed class Told : IProgress<double>
    {
        public List<double> Percent { get; } = [];

        public void Report(double value) => Percent.Add(Math.Round(100 * value));
    }

    static Task<VolumeInfo> ChangeAsync(TestTerm term, Guid volume, VolumeChange change) => term.Images.ChangeAsync($"{volume}", change, null, CancellationToken.None);
}
