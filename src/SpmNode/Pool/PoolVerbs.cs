using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Garbage;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Pool.Recovery;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Foreign;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool;

/// <summary>The verbs of the pool as the SPM of now answers them. Lives as long as its term.</summary>
sealed class PoolVerbs
{
    readonly SpmTerm term;
    readonly ActivationMaps maps;
    readonly Membership membership;
    readonly PoolCounters counters;
    readonly VolumeCreation creation;
    readonly VolumeExtension extension;
    readonly VolumeRemoval removal;
    readonly ImageWork work;
    readonly ImageVerbs images;
    readonly ImageExport export;
    readonly DeviceAddition devices;
    readonly RequestDesk desk;
    readonly OperationRecovery recovery;
    readonly GarbageCollection garbage;
    volatile SeenSpace? space;

    public PoolVerbs(
        SpmTerm term, ActivationMaps maps, Membership membership, IVolumeImager imager, IChoice choice, TimeProvider clock, PoolCounters counters, Action<string> log)
    {
        (this.term, this.maps, this.membership, this.counters) = (term, maps, membership, counters);
        desk = new RequestDesk(term.Journal);
        devices = new DeviceAddition(term, choice);
        removal = new VolumeRemoval(term, maps, () => membership.Generation, imager, HostNameAsync, (what, bytes) => new WorkProgress(what, bytes, clock, log).Add);
        work = new ImageWork(term, maps, () => membership.Generation, HostNameAsync);
        creation = new VolumeCreation(
            term, maps, () => membership.Generation, imager, removal, work, GrowthPolicy.Default, choice, clock, membership.Identity.Name);
        extension = new VolumeExtension(term, maps, () => membership.Generation, imager, WriterOfAsync);
        images = new ImageVerbs(work, imager, GrowthPolicy.Default, removal);
        export = new ImageExport(work, imager, GrowthPolicy.Default);
        recovery = new OperationRecovery(
            term,
            [
                new CreateRule(term, removal, images.TidyRolesAsync), new RemoveRule(term, removal, childLeft: new ImageLabels(work).ChildLeftAsync, locks: work.LockLeaving),
                new RemoveRule(term, removal, OperationKind.RemoveWiped, new ImageLabels(work).ChildLeftAsync, work.LockLeaving),
                new ExtendRawRule(term, maps, extension), .. images.Rules,
            ],
            clock, log);
        garbage = new GarbageCollection(term, maps, membership, volume => DeleteVolumeAsync(volume, id: null, wipe: false), images.TidyRolesAsync, clock, log);
    }

    /// <summary>C8: what former SPMs left open, for as long as the term lasts.</summary>
    public Task RecoverAsync(CancellationToken stop) => recovery.RunAsync(stop);

    /// <summary>What can be ended at once; one may wait for the end of another.</summary>
    public async Task RecoverOnceAsync()
    {
        for (var before = int.MaxValue; term.Journal.Open.Length is > 0 and var open && open < before; before = open)
        {
            await recovery.TryAllAsync(CancellationToken.None);
        }
    }

    /// <summary>This pool as the one that a volume leaves.</summary>
    public MoveSource Leaving(RequestId? id = null) => new(term, work, removal, id);

    /// <summary>This pool as the one that a volume comes to.</summary>
    public MoveTarget Arriving(RequestId? id = null) => new(term, work, removal, creation, id);

    /// <exception cref="Refusal">Another domain is meant, or the fence is closed.</exception>
    public bool Has(DepartureRequest request) => request.From == term.Domain.Uuid
        ? Leaving().Find(request.Volume) is not null
        : throw Refusal.Conflict($"this is domain {term.Domain.Uuid}, not {request.From}: ask a node of that one.");

    /// <summary>Keeps a volume for another domain until that one has it; then it is removed here.</summary>
    /// <returns>As it was.</returns>
    public Task<VolumeReply> LeaveVolumeAsync(DepartureRequest request, string id, Departure departure, CancellationToken stop) => desk.AskAsync(
        id, OperationKind.Remove,
        async known =>
        {
            VolumeReply? left = null;
            var had = await Leaving(known).DepartAsync(request.Volume, async leaving =>
            {
                left = Describe(term.Volumes.Find(leaving.Volumes[0].Uuid)!) with { State = "moved" };
                await departure.RunAsync(leaving, term.Fence.MayWrite, stop);
            });
            return had ? left! : throw Refusal.NotFound($"volume {request.Volume} was deleted just now.");
        },
        volume => throw Refusal.Conflict($"volume {volume} left under this request before. Ask with a new id."));

    /// <summary>Takes a volume of another domain in.</summary>
    public Task<VolumeReply> ReceiveVolumeAsync(IMoveSource source, string reference, string id, IProgress<double> progress, CancellationToken stop) => desk.AskAsync(
        id, OperationKind.Create,
        async known => Describe(await new VolumeMove(source, Arriving(known)).RunAsync(reference, progress, stop)), CreatedBefore);

    public Task<IReadOnlyList<VolumeReply>> ListVolumesAsync() => LunReader.DescribeAsync(term.Volumes.View());

    public Task<VolumeReply> GetVolumeAsync(string reference) => LunReader.DescribeAsync(term.Volumes.View(), reference);

    public Task<VolumeReply> CreateVolumeAsync(CreateVolumeRequest request, IProgress<double>? progress = null, CancellationToken stop = default) => desk.AskAsync(
        request.Request, OperationKind.Create,
        async id => Describe(await creation.CreateAsync(request, id, progress: progress, stop: stop)), CreatedBefore);

    TaskReply Recalled(RequestId id, OperationKind kind, Guid volume, OperationOutcome outcome)
    {
        var reply = new TaskReply($"{id}", kind.ToString().ToLowerInvariant(), $"{volume}", "done", 1, CanCancel: false);
        return outcome == OperationOutcome.Done
            ? reply with { Result = term.Volumes.Find(volume) is { } there ? Describe(there) : null }
            : reply with { State = "failed", Progress = 0, Error = "its SPM ended while it ran, and it was taken back. Nothing of it is left; ask again with a new id.", Code = nameof(RefusalCode.Conflict) };
    }

    Task<VolumeReply> CreatedBefore(Guid volume) => term.Volumes.Find(volume) is { } there
        ? Task.FromResult(Describe(there))
        : throw Refusal.NotFound($"volume {volume} was created by this request and has been deleted since.");

    public Task<VolumeReply> ImportVolumeAsync(CreateVolumeRequest request, ImageSource file, IProgress<double> progress, CancellationToken stop) => desk.AskAsync(
        request.Request, OperationKind.Create,
        async id => Describe(await creation.CreateAsync(request, id, new ImageOrigin.FileOf(file), progress, stop)), CreatedBefore);

    /// <summary>R24: what became of a request that a former SPM was asked, as far as the journal knows.</summary>
    public TaskReply? Recall(RequestId id) => term.Journal.Find(id) switch
    {
        { Answer: { } answer } => Recalled(id, answer.Kind, answer.Volume, answer.Outcome),
        { IsOpen: true } => new TaskReply($"{id}", "", "", "running", 0, CanCancel: false),
        _ => null,
    };

    public Task<VolumeReply> UploadVolumeAsync(CreateVolumeRequest request, Upload upload, IProgress<double> progress, CancellationToken stop) => desk.AskAsync(
        request.Request, OperationKind.Create,
        async id => Describe(await creation.CreateAsync(request, id, new ImageOrigin.Sent(upload), progress, stop)), CreatedBefore);

    /// <summary>Lets somebody read what a volume is, as long as that lasts.</summary>
    public Task<VolumeReply> DownloadVolumeAsync(string reference, Download download, CancellationToken stop) => export.DownloadAsync(reference, download, Describe, stop);

    public Task ExportVolumeAsync(string reference, string path, DiskFormat format, IProgress<double> progress, CancellationToken stop) =>
        export.ExportAsync(reference, path, format, progress, stop);

    public Task<MeasureReply> MeasureVolumeAsync(string reference, CancellationToken stop) => export.MeasureAsync(reference, stop);

    public async Task<ExtendVolumeReply> ExtendVolumeAsync(string reference, ExtendVolumeRequest request)
    {
        try
        {
            // R24: what is asked again gets the segments of now; the sizes are absolute, so the way of the first time gives them.
            var reply = await desk.AskAsync(
                request.Request, OperationKind.Extend, id => extension.ExtendAsync(reference, request, id), _ => extension.ExtendAsync(reference, request, null));
            counters.Extended("done");
            return reply;
        }
        catch (Refusal refusal)
        {
            counters.Extended(refusal.Code.ToString().ToLowerInvariant());
            throw;
        }
    }

    public Task<DeleteVolumeReply> DeleteVolumeAsync(string reference, string? request = null, bool wipe = false, bool discard = false, IProgress<double>? progress = null) => desk.AskAsync(
        request, OperationKind.Remove, id => DeleteVolumeAsync(reference, id, wipe, discard, progress),
        volume => Task.FromResult(new DeleteVolumeReply(volume.ToString(), 0, term.Volumes.Group.Seqno)));

    public async Task<VolumeReply> ChangeVolumeAsync(string reference, VolumeChange change, IProgress<double>? progress = null) => ImageVerbs.KindOf(change) is { } kind
        ? await desk.AskAsync(
            change.Request, kind, id => ChangeAsync(reference, change, id, progress),
            volume => term.Volumes.Find(volume) is { } there
                ? Task.FromResult(Describe(there))
                : change.IsMerge ? Task.FromResult(VolumeReply.Merged($"{volume}"))
                : throw Refusal.NotFound($"volume {volume} was changed by this request and has been deleted since."))
        : await ChangeAsync(reference, change, null, progress);

    public async Task<GuardReply> GuardAsync(GuardRequest request) => request.On is { } on
        ? await GuardSetting.SetAsync(term, on, membership.StrangersOnDiskAsync) : DomainGuard.Describe(term.Domain, term.Volumes.Group);

    public Task<AddDeviceReply> AddDeviceAsync(AddDeviceRequest request) => devices.AddAsync(request);

    async Task<VolumeReply> ChangeAsync(string reference, VolumeChange change, RequestId? id, IProgress<double>? progress) =>
        Describe(await images.ChangeAsync(reference, change, id, CancellationToken.None, progress));

    async Task<DeleteVolumeReply> DeleteVolumeAsync(string reference, RequestId? id, bool wipe, bool discard = false, IProgress<double>? progress = null)
    {
        var volume = term.Volumes.Find(reference);
        using var locked = work.LockLeaving(volume);
        if (work.IsMerging(volume))
        {
            // Half of it may be in its parent: without it nobody could read that one any more.
            throw Refusal.Unavailable($"volume {volume.Name} is being merged into its parent and goes with that. 'spm journal show' says what it waits for.");
        }
        var deleted = await removal.DeleteAsync(volume.Name, id, wipe, discard, progress);
        await new ImageLabels(work).ChildLeftAsync(volume.Parent);
        return deleted;
    }

    public Task<GarbageReply> GarbageAsync(bool collect) => collect ? garbage.CollectAsync() : garbage.FindAsync();

    public Task<SpaceReply> SetSpaceAsync(SpaceRequest request) => SpaceSetting.SetAsync(term, request);

    /// <summary>For people, who look often: reckoned anew only after a commit. What decides reckons for itself.</summary>
    public PoolSpace Space()
    {
        var (group, last) = (term.Volumes.Group, space);
        if (!ReferenceEquals(last?.Group, group))
        {
            space = last = new(group, SpaceRules.Of(term.Volumes.View()));
        }
        return last!.Space;
    }

    sealed record SeenSpace(VolumeGroup Group, PoolSpace Space);

    VolumeReply Describe(VolumeInfo volume) => term.Volumes.View().Describe(volume, []);

    async Task<string?> WriterOfAsync(VolumeInfo volume, int except) =>
        (await maps.ReadAllAsync()).OtherWriters(volume.Tags.Slot!.Value, except) is [var writer, ..]
            ? await HostNameAsync(writer.Host) + (writer.Use == SlotUse.Unreadable ? " (its map cannot be read, so it counts as in use)" : "")
            : null;

    async Task<string> HostNameAsync(int hostId) => await membership.ReadRecordAsync(hostId) is { } record
        ? $"'{record.Name}' (host id {hostId}{(record.Url.Length > 0 ? ", " + record.Url : "")})"
        : $"host id {hostId}";
}
