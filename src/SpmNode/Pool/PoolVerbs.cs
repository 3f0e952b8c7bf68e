using OvirtSpm.Leases;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Garbage;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Pool.Recovery;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
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
    readonly DeviceAddition devices;
    readonly RequestDesk desk;
    readonly OperationRecovery recovery;
    readonly GarbageCollection garbage;

    public PoolVerbs(
        SpmTerm term, ActivationMaps maps, Membership membership, IVolumeImager imager, IChoice choice, TimeProvider clock, PoolCounters counters, Action<string> log)
    {
        (this.term, this.maps, this.membership, this.counters) = (term, maps, membership, counters);
        desk = new RequestDesk(term.Journal);
        devices = new DeviceAddition(term, choice);
        removal = new VolumeRemoval(term, maps, () => membership.Generation, imager, HostNameAsync);
        work = new ImageWork(term, maps, () => membership.Generation, HostNameAsync);
        creation = new VolumeCreation(
            term, maps, () => membership.Generation, imager, removal, work, GrowthPolicy.Default, choice, clock, membership.Identity.Name);
        extension = new VolumeExtension(term, maps, () => membership.Generation, imager, WriterOfAsync);
        images = new ImageVerbs(work, imager, GrowthPolicy.Default, removal);
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

    /// <summary>What can be ended at once.</summary>
    public Task RecoverOnceAsync() => recovery.TryAllAsync(CancellationToken.None);

    public Task<IReadOnlyList<VolumeReply>> ListVolumesAsync() => LunReader.DescribeAsync(term.Volumes.View());

    public Task<VolumeReply> GetVolumeAsync(string reference) => LunReader.DescribeAsync(term.Volumes.View(), reference);

    public Task<VolumeReply> CreateVolumeAsync(CreateVolumeRequest request) => desk.AskAsync(
        request.Request, OperationKind.Create,
        async id => Describe(await creation.CreateAsync(request, id)),
        volume => term.Volumes.Find(volume) is { } there
            ? Task.FromResult(Describe(there))
            : throw Refusal.NotFound($"volume {volume} was created by this request and has been deleted since."));

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

    public Task<DeleteVolumeReply> DeleteVolumeAsync(string reference, string? request = null, bool wipe = false) => desk.AskAsync(
        request, OperationKind.Remove, id => DeleteVolumeAsync(reference, id, wipe),
        volume => Task.FromResult(new DeleteVolumeReply(volume.ToString(), 0, term.Volumes.Group.Seqno)));

    public async Task<VolumeReply> ChangeVolumeAsync(string reference, VolumeChange change) => ImageVerbs.KindOf(change) is { } kind
        ? await desk.AskAsync(
            change.Request, kind, id => ChangeAsync(reference, change, id),
            volume => term.Volumes.Find(volume) is { } there
                ? Task.FromResult(Describe(there))
                : change is VolumeChange.Merge ? Task.FromResult(VolumeReply.Merged($"{volume}"))
                : throw Refusal.NotFound($"volume {volume} was changed by this request and has been deleted since."))
        : await ChangeAsync(reference, change, null);

    public Task<AddDeviceReply> AddDeviceAsync(AddDeviceRequest request) => devices.AddAsync(request);

    async Task<VolumeReply> ChangeAsync(string reference, VolumeChange change, RequestId? id) =>
        Describe(await images.ChangeAsync(reference, change, id, CancellationToken.None));

    async Task<DeleteVolumeReply> DeleteVolumeAsync(string reference, RequestId? id, bool wipe)
    {
        var volume = term.Volumes.Find(reference);
        using var locked = work.LockLeaving(volume);
        if (work.IsMerging(volume))
        {
            // Half of it may be in its parent: without it nobody could read that one any more.
            throw Refusal.Unavailable($"volume {volume.Name} is being merged into its parent and goes with that. 'spm journal show' says what it waits for.");
        }
        var deleted = await removal.DeleteAsync(volume.Name, id, wipe);
        await new ImageLabels(work).ChildLeftAsync(volume.Parent);
        return deleted;
    }

    public Task<GarbageReply> GarbageAsync(bool collect) => collect ? garbage.CollectAsync() : garbage.FindAsync();

    VolumeReply Describe(VolumeInfo volume) => term.Volumes.View().Describe(volume, []);

    async Task<string?> WriterOfAsync(VolumeInfo volume, int except) =>
        (await maps.ReadAllAsync()).OtherWriters(volume.Tags.Slot!.Value, except) is [var writer, ..]
            ? await HostNameAsync(writer.Host) + (writer.Use == SlotUse.Unreadable ? " (its map cannot be read, so it counts as in use)" : "")
            : null;

    async Task<string> HostNameAsync(int hostId) => await membership.ReadRecordAsync(hostId) is { } record
        ? $"'{record.Name}' (host id {hostId}{(record.Url.Length > 0 ? ", " + record.Url : "")})"
        : $"host id {hostId}";
}
