using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Pool.Images;

/// <summary>Two pools: one with a base and a snapshot of it, called "disk", the other empty.</summary>
static class MovePools
{
    /// <summary>Small, so that what is copied is.</summary>
    const long Extent = 4L << 20;

    public static readonly Guid There = Guid.Parse("0e0e0e0e-1111-2222-3333-444444444444");
    public static readonly Guid Below = Guid.Parse("dddddddd-0000-0000-0000-000000000001"), Volume = Guid.Parse("eeeeeeee-0000-0000-0000-000000000001");

    static readonly Lazy<Task<MemoryLun>> full = new(FullAsync), empty = new(() => TestDomain.LunAsync(There, Extent));

    public static async Task<(TestTerm Source, TestTerm Target)> StartAsync(Func<bool>? sourceHolds = null, Func<bool>? targetHolds = null) => (
        await TestDomain.LeadAsync((await full.Value).Copy(), epoch: 3, holds: sourceHolds),
        await TestDomain.LeadAsync((await empty.Value).Copy(), epoch: 3, holds: targetHolds));

    /// <summary>The next SPM, and the dead host back (R11).</summary>
    public static async Task<TestTerm> NextAsync(MemoryLun disk, string at)
    {
        var next = await TestDomain.LeadAsync(disk, epoch: 4, host: 2);
        await new ActivationMaps(next.Domain, 1, TestDomain.ThisMachine).AdoptAsync(2);
        // Twice: the base of a chain waits for what is read through it.
        await next.Recovery.TryAllAsync(CancellationToken.None);
        await next.Recovery.TryAllAsync(CancellationToken.None);
        Assert.True(next.Term.Journal.Open.IsEmpty, $"{at}: {string.Join("; ", next.Notes)}");
        return next;
    }

    public static VolumeInfo? Find(TestTerm term, Guid? volume = null) => term.Term.Volumes.Find(volume ?? Volume);

    public static async Task CheckContentAsync(TestTerm term, string at)
    {
        var chain = term.Work.Chain(Find(term)!);
        Assert.Equal([Volume, Below], chain.Select(one => one.Uuid));
        Assert.Equal<byte>([1, 2, 0], (await term.Cells.ReadAsync([.. chain.Select(term.Work.Layer)])).Take(3));
        foreach (var uuid in new[] { Below, Volume })
        {
            Assert.True(term.Lun.Peek(EndOf(term, uuid), 16).SequenceEqual(uuid.ToByteArray()), $"{at}: the end of {uuid}");
        }
    }

    /// <summary>All is there, usable, and nothing of it is left where it was.</summary>
    public static async Task CheckMovedAsync(TestTerm source, TestTerm target, string at)
    {
        Assert.Empty(source.Term.Volumes.View().Volumes);
        Assert.All(target.Term.Volumes.View().Volumes, moved => Assert.True(moved.IsUsable, at));
        Assert.Equal(2, target.Term.Volumes.View().Volumes.Length);
        await CheckContentAsync(target, at);
        Assert.True(source.Term.Journal.Open.IsEmpty && target.Term.Journal.Open.IsEmpty, at);
    }

    /// <summary>All is where it was, usable, held by nobody, and nothing of it is elsewhere.</summary>
    public static async Task CheckStayedAsync(TestTerm source, TestTerm target, string at)
    {
        Assert.All(source.Term.Volumes.View().Volumes, left => Assert.True(left.IsUsable, $"{at}: {left.Name} {string.Join("; ", left.Problems)}"));
        Assert.Empty(target.Term.Volumes.View().Volumes);
        await CheckContentAsync(source, at);
        foreach (var uuid in new[] { Below, Volume })
        {
            Assert.Empty((await source.Maps.ReadAllAsync()).UsersOf(Find(source, uuid)!.Tags.Slot!.Value));
        }
    }

    public static long OffsetOf(TestTerm term, Guid volume) =>
        VolumeExtension.Segments(term.Term.Volumes.Group, term.Term.Volumes.Group.Find($"{volume}")!)[0].PvOffsetBytes;

    public static bool IsInside(TestTerm term, Guid volume, long offset) =>
        term.Term.Volumes.Group.Find($"{volume}") is not null && offset - OffsetOf(term, volume) is >= 0 and < Extent;

    static async Task<MemoryLun> FullAsync()
    {
        var term = await TestDomain.LeadAsync(await TestDomain.LunAsync(TestDomain.Uuid, Extent));
        await term.Creation.CreateAsync(TestTerm.Request(Below, bytes: 8 << 20) with { Alias = "base" });
        await term.Cells.WriteAsync(term.Work.Layer(Find(term, Below)!), 0, 1);
        await term.Creation.CreateAsync(TestTerm.Request(Volume, bytes: 0) with { Parent = $"{Below}" });
        await term.Cells.WriteAsync(term.Work.Layer(Find(term)!), 1, 2);
        foreach (var uuid in new[] { Below, Volume })
        {
            // Behind everything else, where nobody but a copy of all of it would look.
            term.Lun.Poke(EndOf(term, uuid), uuid.ToByteArray());
        }
        await term.EndAsync();
        return term.Lun;
    }

    static long EndOf(TestTerm term, Guid uuid)
    {
        var last = term.Work.Layer(Find(term, uuid)!).Segments[^1];
        return last.PvOffsetBytes + last.LengthBytes - 16;
    }
}
