using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Pool.Images;

public sealed class VolumeMoveTests
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    static readonly Guid there = Guid.Parse("0e0e0e0e-1111-2222-3333-444444444444");
    static readonly Guid below = Guid.Parse("dddddddd-0000-0000-0000-000000000001"), volume = Guid.Parse("eeeeeeee-0000-0000-0000-000000000001");

    [Fact]
    public async Task A_chain_moves_with_every_byte_and_all_that_is_said_of_it()
    {
        var (source, target) = await PreparedAsync();
        var slots = new[] { volume, below }.Select(uuid => source.Term.Volumes.Find(uuid)!.Slot!).ToList();
        var free = (source.Term.Volumes.Group.FreeExtents, target.Term.Volumes.Group.FreeExtents);
        var taken = source.Term.Volumes.View().Volumes.Sum(one => one.AllocatedBytes) / source.Work.ExtentBytes;
        var told = new List<double>();

        await new VolumeMove(source.Leaving, target.Arriving).RunAsync("disk", new Told(told.Add), CancellationToken.None);

        Assert.Empty(source.Term.Volumes.View().Volumes);
        await CheckContentAsync(target, "");
        Assert.Equal(slots.Select(slot => slot with { Domain = there }), new[] { volume, below }.Select(uuid => target.Term.Volumes.Find(uuid)!.Slot!));
        Assert.Equal((free.Item1 + taken, free.Item2 - taken), (source.Term.Volumes.Group.FreeExtents, target.Term.Volumes.Group.FreeExtents));
        Assert.Equal(told.Order(), told);
        Assert.Equal(1.0, told[^1]);
        Assert.Equal(["MD_", "PU_", "IU_"], target.Term.Volumes.Group.Find($"{volume}")!.Tags.Select(tag => tag[..3]));
        // Asked again by its uuid it is done; under a name that means nothing there it is not found.
        Assert.Equal(volume, (await MoveAsync(source, target)).Uuid);
        Assert.Equal(RefusalCode.NotFound, (await Assert.ThrowsAsync<Refusal>(() => new VolumeMove(source.Leaving, target.Arriving).RunAsync("disk", new Told(_ => { }), CancellationToken.None))).Code);
    }

    /// Both ends die together, at every write of either; afterwards each gets a new SPM.
    [Fact]
    public async Task Wherever_it_dies_the_volume_is_whole_in_one_place_usable_in_at_most_one_and_asking_again_ends_the_move()
    {
        var (whole, other) = await PreparedAsync();
        var writes = 0;
        whole.Lun.BeforeWrite = other.Lun.BeforeWrite = (_, _) => Task.FromResult(writes++);
        await MoveAsync(whole, other);
        Assert.InRange(writes, 40, 200);
        var seen = new HashSet<(bool AtSource, bool Arriving, bool AtTarget)>();
        for (var after = 0; after <= writes; after++)
        {
            var at = $"{after} of {writes} writes";
            var (dying, with) = await PreparedAsync();
            var count = 0;
            dying.Lun.BeforeWrite = with.Lun.BeforeWrite = (_, _) =>
            {
                (dying.Lun.DiesAfter, with.Lun.DiesAfter) = count++ >= after ? (0, 0) : (dying.Lun.DiesAfter, with.Lun.DiesAfter);
                return Task.CompletedTask;
            };
            var told = await Record.ExceptionAsync(() => MoveAsync(dying, with).WaitAsync(Patience));
            Assert.True(told is null or Refusal or IOException, $"{at}: {told}");
            var source = await NextAsync(dying.Lun.Copy(), at);
            var target = await NextAsync(with.Lun.Copy(), at);

            var (here, arrived) = (source.Term.Volumes.Find(volume), target.Term.Volumes.Find(volume));
            Assert.False(here is not null && arrived?.IsUsable == true, $"{at}: it can be used in both");
            Assert.True(here is not null || arrived is not null, $"{at}: it is gone");
            Assert.True(told is not null || arrived!.IsUsable, $"{at}: it was acknowledged and did not happen");
            Assert.All(source.Term.Volumes.View().Volumes, left => Assert.True(left.IsUsable, $"{at}: {left.Name} {string.Join("; ", left.Problems)}"));
            await CheckContentAsync(here is not null ? source : target, at);
            seen.Add((here is not null, arrived?.Tags.MovedFrom is not null, arrived?.IsUsable == true));

            await MoveAsync(source, target);
            Assert.Empty(source.Term.Volumes.View().Volumes);
            Assert.All(target.Term.Volumes.View().Volumes, moved => Assert.True(moved.IsUsable, at));
            Assert.Equal(2, target.Term.Volumes.View().Volumes.Length);
            await CheckContentAsync(target, at);
            Assert.True(source.Term.Journal.Open.IsEmpty && target.Term.Journal.Open.IsEmpty, at);
        }
        // Not begun or taken back; whole in both and usable at the source; only at the target, unused; moved.
        Assert.Equal([(false, false, true), (false, true, false), (true, false, false), (true, true, false)], seen.Order());
    }

    [Fact]
    public async Task What_reads_back_otherwise_than_it_was_written_is_not_moved()
    {
        var (source, target) = await PreparedAsync();
        var place = source.Work.Layer(source.Term.Volumes.Find(below)!).Segments[0];
        var spoilt = false;
        target.Lun.BeforeRead = offset =>
        {
            // The first look at what was written: the device kept something else.
            if (!spoilt && target.Term.Volumes.Group.Find($"{below}") is { } lv && target.Lun.Peek(OffsetOf(target, lv.Name), 4096).SequenceEqual(source.Lun.Peek(place.PvOffsetBytes, 4096)))
            {
                spoilt = true;
                target.Lun.Poke(OffsetOf(target, lv.Name) + 100, [0xFF]);
            }
        };
        var refused = await Assert.ThrowsAsync<Refusal>(() => MoveAsync(source, target));
        Assert.Equal((RefusalCode.Damaged, true), (refused.Code, spoilt));
        Assert.Empty(target.Term.Volumes.View().Volumes);
        await CheckContentAsync(source, "refused");
    }

    [Fact]
    public async Task What_is_in_use_read_through_or_already_there_is_not_moved()
    {
        var (source, target) = await PreparedAsync();
        Task<Refusal> RefusedAsync(Guid which) => Assert.ThrowsAsync<Refusal>(() => new VolumeMove(source.Leaving, target.Arriving).RunAsync($"{which}", new Told(_ => { }), CancellationToken.None));
        Assert.Contains("is the parent of", (await RefusedAsync(below)).Message);

        var host = source.MapsOf(3);
        await host.SetAsync(source.Term.Volumes.Find(below)!.Tags.Slot!.Value, ActivationMode.ReadOnly, 1);
        Assert.Contains("is active on", (await RefusedAsync(volume)).Message);
        await host.SetAsync(source.Term.Volumes.Find(below)!.Tags.Slot!.Value, ActivationMode.Inactive, 1);

        await source.Creation.CreateAsync(TestTerm.Request(Guid.NewGuid(), bytes: 0) with { Parent = $"{below}" });
        Assert.Contains("is read through", (await RefusedAsync(volume)).Message);

        var alone = await source.CreateAsync("raw", 128 << 20);
        await target.Creation.CreateAsync(TestTerm.Request(alone, "raw", 128 << 20));
        Assert.Contains("already", (await RefusedAsync(alone)).Message);
        Assert.True(source.Term.Volumes.Find(alone)!.IsUsable && target.Term.Volumes.Find(alone)!.IsUsable);
    }

    /// R10: an entry that shows only after the mark, as in a map that could not be read before.
    [Fact]
    public async Task Marked_volumes_that_somebody_uses_after_all_are_all_kept()
    {
        var (source, _) = await PreparedAsync();
        var chain = source.Work.Chain(source.Term.Volumes.Find(volume)!);
        var operations = await source.Removal.MarkTogetherAsync(chain);
        Assert.All(chain, one => Assert.False(source.Term.Volumes.Find(one.Uuid)!.IsUsable));
        await source.MapsOf(3).SetAsync(chain[1].Tags.Slot!.Value, ActivationMode.ReadOnly, 1);
        await Assert.ThrowsAsync<Refusal>(() => source.Removal.RemoveMarkedAsync(chain, operations));
        await CheckContentAsync(source, "kept");
        Assert.True(source.Term.Journal.Open.IsEmpty);
    }

    /// A successor finds the marks: never the base before the leaf, and the base stays when the leaf does.
    [Fact]
    public async Task A_successor_takes_the_marks_of_a_chain_back_together()
    {
        var (source, _) = await PreparedAsync();
        var chain = source.Work.Chain(source.Term.Volumes.Find(volume)!);
        await source.Removal.MarkTogetherAsync(chain);
        await source.MapsOf(3).SetAsync(chain[0].Tags.Slot!.Value, ActivationMode.ReadOnly, 1);
        var next = await NextAsync(source.Lun.Copy(), "marked");
        await CheckContentAsync(next, "marked");
    }

    static Task<VolumeInfo> MoveAsync(TestTerm source, TestTerm target) =>
        new VolumeMove(source.Leaving, target.Arriving).RunAsync($"{volume}", new Told(_ => { }), CancellationToken.None);

    static async Task<(TestTerm Source, TestTerm Target)> PreparedAsync()
    {
        var source = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        await source.Creation.CreateAsync(TestTerm.Request(below, bytes: 512 << 20) with { Alias = "base" });
        await source.Cells.WriteAsync(source.Work.Layer(source.Term.Volumes.Find(below)!), 0, 1);
        await source.Creation.CreateAsync(TestTerm.Request(volume, bytes: 0) with { Parent = $"{below}" });
        await source.Cells.WriteAsync(source.Work.Layer(source.Term.Volumes.Find(volume)!), 1, 2);
        foreach (var uuid in new[] { below, volume })
        {
            // Behind everything else, where nobody but a copy of all of it would look.
            source.Lun.Poke(EndOf(source, uuid), uuid.ToByteArray());
        }
        return (source, await TestDomain.LeadAsync((await other.Value).Copy()));
    }

    static readonly Lazy<Task<MemoryLun>> other = new(() => TestDomain.LunAsync(there));

    /// <summary>The next SPM, and the dead host back (R11).</summary>
    static async Task<TestTerm> NextAsync(MemoryLun disk, string at)
    {
        var next = await TestDomain.LeadAsync(disk, epoch: 3, host: 2);
        await new ActivationMaps(next.Domain, 1, TestDomain.ThisMachine).AdoptAsync(2);
        // Twice: the base of a chain waits for what is read through it.
        await next.Recovery.TryAllAsync(CancellationToken.None);
        await next.Recovery.TryAllAsync(CancellationToken.None);
        Assert.True(next.Term.Journal.Open.IsEmpty, $"{at}: {string.Join("; ", next.Notes)}");
        return next;
    }

    static async Task CheckContentAsync(TestTerm term, string at)
    {
        var chain = term.Work.Chain(term.Term.Volumes.Find(volume)!);
        Assert.Equal([volume, below], chain.Select(one => one.Uuid));
        Assert.Equal<byte>([1, 2, 0], (await term.Cells.ReadAsync([.. chain.Select(term.Work.Layer)])).Take(3));
        foreach (var uuid in new[] { below, volume })
        {
            Assert.True(term.Lun.Peek(EndOf(term, uuid), 16).SequenceEqual(uuid.ToByteArray()), $"{at}: the end of {uuid}");
        }
    }

    static long EndOf(TestTerm term, Guid uuid)
    {
        var last = term.Work.Layer(term.Term.Volumes.Find(uuid)!).Segments[^1];
        return last.PvOffsetBytes + last.LengthBytes - 16;
    }

    static long OffsetOf(TestTerm term, string name) => Node.Pool.VolumeExtension.Segments(term.Term.Volumes.Group, term.Term.Volumes.Group.Find(name)!)[0].PvOffsetBytes;

    /// <summary>At once, unlike Progress.</summary>
    sealed class Told(Action<double> tell) : IProgress<double>
    {
        public void Report(double value) => tell(value);
    }
}
