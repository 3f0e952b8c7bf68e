using OvirtSpm.Leases;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Pool.Recovery;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Storage;

/// <summary>A domain on a LUN in memory, and terms as its SPM without the lease protocol: the test says when the deadline holds.</summary>
static class TestDomain
{
    public static readonly Guid Uuid = Guid.Parse("0d0d0d0d-1111-2222-3333-444444444444");
    public static readonly MapOwner ThisMachine = new(Guid.Parse("aaaaaaaa-0000-0000-0000-000000000001"), Guid.Parse("bbbbbbbb-0000-0000-0000-000000000001"));

    static readonly Lazy<Task<MemoryLun>> made = new(MakeAsync);

    /// <summary>A disk of its own with a fresh domain.</summary>
    public static async Task<MemoryLun> LunAsync() => (await made.Value).Copy();

    public static DomainCreator Creator(ILun lun) => new(lun, TimeProvider.System, new TestChoice(), "test");

    static Task<MemoryLun> MakeAsync() => LunAsync(Uuid);

    /// <summary>A disk of its own with a domain of its own.</summary>
    public static async Task<MemoryLun> LunAsync(Guid domain, long extentBytes = DomainLimits.ExtentBytes)
    {
        var lun = new MemoryLun();
        await Creator(lun).CreateAsync(new DomainOptions(domain, IoTimeoutSeconds: 1, WatchdogTimeoutSeconds: 0, ExtentSizeBytes: extentBytes));
        return lun;
    }

    public static async Task<TestTerm> LeadAsync(
        MemoryLun lun, ulong epoch = 2, Func<bool>? holds = null, int host = 1, TimeProvider? clock = null, Func<ConfirmOutcome>? confirm = null)
    {
        var domain = await PoolDomain.OpenAsync(lun);
        var fence = Fence(epoch, holds, clock, confirm);
        var counters = new PoolCounters();
        var start = await SpmTerm.BeginAsync(domain, fence, clock ?? TimeProvider.System, "test", counters);
        var term = Assert.IsType<TermStart.Begun>(start).Term;
        return new TestTerm(lun, domain, term, counters, new ActivationMaps(domain, host, ThisMachine));
    }

    /// <summary>Of a term that lasts, unless something says that it does not.</summary>
    public static PoolFence Fence(ulong epoch, Func<bool>? holds = null, TimeProvider? clock = null, Func<ConfirmOutcome>? confirm = null) =>
        new(epoch, _ => holds?.Invoke() ?? true, TimeSpan.Zero, clock ?? TimeProvider.System, () => ValueTask.FromResult(confirm?.Invoke() ?? ConfirmOutcome.Ours));

    /// <returns>Whether it ended as a verb does whose host or storage is gone.</returns>
    public static async Task<bool> DiesAsync(Func<Task> act)
    {
        try
        {
            await act();
            return false;
        }
        catch (Exception died) when (died is IOException or Refusal)
        {
            return true;
        }
    }

    public static async Task<IReadOnlyList<VolumeReply>> VolumesAsync(ILun lun) => await new LunReader(lun).ListVolumesAsync();
}

/// <summary>Deterministic, and different at every pick.</summary>
sealed class TestChoice(ulong seed = 42) : IChoice
{
    ulong state = seed;

    public int Pick(int count, string what)
    {
        var z = state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        return (int)((z ^ (z >> 31)) % (ulong)count);
    }
}

/// <summary>One term and the verbs over it.</summary>
sealed class TestTerm
{
    public TestTerm(MemoryLun lun, PoolDomain domain, SpmTerm term, PoolCounters counters, ActivationMaps maps)
    {
        imager = new MarkingImager(lun);
        (Lun, Domain, Term, Counters, Maps) = (lun, domain, term, counters, maps);
        Removal = new VolumeRemoval(term, maps, () => 1, imager, host => Task.FromResult($"host {host}"));
        Work = new ImageWork(term, maps, () => 1, host => Task.FromResult($"host {host}"));
        Creation = new VolumeCreation(
            term, maps, () => 1, imager, Removal, Work, GrowthPolicy.Default, new TestChoice(4711 + term.Fence.Epoch), TimeProvider.System, "test"); // not the uuids of the domain's own volumes, nor of a former term's
        Extension = new VolumeExtension(term, maps, () => 1, imager, WriterOfAsync);
        Images = new ImageVerbs(Work, imager, GrowthPolicy.Default, Removal);
        Recovery = new OperationRecovery(
            term, [new CreateRule(term, Removal, Images.TidyRolesAsync), new RemoveRule(term, Removal), new RemoveRule(term, Removal, OperationKind.RemoveWiped), new ExtendRawRule(term, maps, Extension), .. Images.Rules], TimeProvider.System, Notes.Add);
        Desk = new RequestDesk(term.Journal);
        Writing = term.Worker.RunAsync();
    }

    readonly MarkingImager imager;

    public IReadOnlyList<SegmentReply> Zeroed => imager.Zeroed;

    public Action? Zeroing
    {
        set => imager.Zeroing = value;
    }

    public IReadOnlyList<SegmentReply> Discarded => imager.Discarded;

    public Func<Task>? Discarding
    {
        set => imager.Discarding = value;
    }

    public MemoryLun Lun { get; }
    public PoolDomain Domain { get; }
    public SpmTerm Term { get; }
    public PoolCounters Counters { get; }
    public ActivationMaps Maps { get; }
    public VolumeRemoval Removal { get; }
    public ImageWork Work { get; }
    public ImageVerbs Images { get; }
    public IImageTransfer Transfer
    {
        set => imager.Transfer = value;
    }

    public CellImages Cells => (CellImages)imager.Content;
    public VolumeCreation Creation { get; }
    public VolumeExtension Extension { get; }
    public OperationRecovery Recovery { get; }
    public MoveSource Leaving => new(Term, Work, Removal);
    public MoveTarget Arriving => new(Term, Work, Removal, Creation);
    public RequestDesk Desk { get; }
    public List<string> Notes { get; } = [];
    public Task Writing { get; }

    /// <summary>Hands over: what is queued is served, what waits for the journal is written.</summary>
    public async Task EndAsync()
    {
        Term.Worker.StopAccepting();
        await Writing;
    }

    public Task<VolumeInfo> CreateAsync(RequestId id, CreateVolumeRequest request) => Desk.AskAsync(
        $"{id}", OperationKind.Create, known => Creation.CreateAsync(request, known), volume => Task.FromResult(Term.Volumes.Find(volume)!));

    public Task<ExtendVolumeReply> ExtendAsync(RequestId id, Guid volume, long bytes) => Desk.AskAsync(
        $"{id}", OperationKind.Extend, known => Extension.ExtendAsync($"{volume}", new(bytes, null, null, null), known),
        _ => Extension.ExtendAsync($"{volume}", new(bytes, null, null, null)));

    public Task<DeleteVolumeReply> DeleteAsync(RequestId id, Guid volume, bool wipe = false, bool discard = false) => Desk.AskAsync(
        $"{id}", OperationKind.Remove, known => Removal.DeleteAsync($"{volume}", known, wipe, discard), gone => Task.FromResult(new DeleteVolumeReply($"{gone}", 0, 0)));

    public Task<VolumeInfo> ChangeAsync(RequestId id, Guid volume, VolumeChange change) => Desk.AskAsync(
        $"{id}", ImageVerbs.KindOf(change)!.Value, known => Images.ChangeAsync($"{volume}", change, known, CancellationToken.None),
        _ => Task.FromResult(Term.Volumes.Find(volume)!));

    public static CreateVolumeRequest Request(Guid volume, string format = "cow", long bytes = 1L << 30) =>
        new(volume.ToString(), "cccccccc-0000-0000-0000-000000000001", bytes, format, "disk", true);

    public async Task<Guid> CreateAsync(string format = "cow", long bytes = 1L << 30)
    {
        var volume = Guid.NewGuid();
        await Creation.CreateAsync(Request(volume, format, bytes));
        return volume;
    }

    async Task<string?> WriterOfAsync(VolumeInfo volume, int except) =>
        (await Maps.ReadAllAsync()).OtherWriters(volume.Tags.Slot!.Value, except) is [var writer, ..] ? $"host {writer.Host}" : null;

    public ActivationMaps MapsOf(int host) => new(Domain, host, TestDomain.ThisMachine with { MachineId = new Guid(host, 0, 0, new byte[8]) });
}

/// <summary>Stands for qemu-img: one recognisable block at the start of the volume.</summary>
sealed class MarkingImager(ILun lun) : IVolumeImager
{
    readonly CellImages content = new(lun);

    public IImageTool Content => content;

    public IImageTransfer Transfer { get; set; } = new ScriptedTransfer();

    public static readonly byte[] Mark = [.. Enumerable.Repeat((byte)0x5A, 4096)];

    public async Task CreateCowAsync(string volume, IReadOnlyList<SegmentReply> segments, long virtualSizeBytes, Func<bool> mayWrite, ParentName? parent = null)
    {
        if (!mayWrite())
        {
            throw Refusal.NotLeader("fenced");
        }
        await lun.Data.WriteAsync(segments[0].PvOffsetBytes, Mark);
        if (parent is not null)
        {
            await content.NameAsync(segments, Guid.Parse(parent.Volume));
        }
    }

    public List<SegmentReply> Zeroed { get; } = [];

    /// <summary>What happens instead of zeroing.</summary>
    public Action? Zeroing { get; set; }

    public List<SegmentReply> Discarded { get; } = [];

    /// <summary>What happens before a discard.</summary>
    public Func<Task>? Discarding { get; set; }

    public async Task<IReadOnlyList<string>> DiscardAsync(IReadOnlyList<SegmentReply> segments, Func<bool> mayWrite, Action<long>? done = null)
    {
        await (Discarding?.Invoke() ?? Task.CompletedTask);
        Discarded.AddRange(segments);
        done?.Invoke(segments.Sum(segment => segment.LengthBytes));
        return ["memory"];
    }

    public async Task ZeroAsync(IReadOnlyList<SegmentReply> segments, Func<bool> mayWrite, Action<long>? done = null)
    {
        Zeroing?.Invoke();
        foreach (var segment in segments)
        {
            // The first block of each stands for all of it.
            await lun.Data.ZeroAsync(segment.PvOffsetBytes, Mark.Length, mayPunch: false);
            done?.Invoke(segment.LengthBytes);
        }
        Zeroed.AddRange(segments);
    }
}
