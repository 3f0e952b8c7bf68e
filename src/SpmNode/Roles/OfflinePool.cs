using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Roles;

/// <summary>Writing verbs straight on the LUN: joins with a host id that no node has, takes the SPM lease, renews, gives both back (R20).</summary>
sealed class OfflinePool : IPoolVerbs
{
    readonly OfflineSpm spm;
    readonly SpmTerm term;
    readonly PoolVerbs verbs;
    readonly Task writing;

    OfflinePool(OfflineSpm spm, SpmTerm term, PoolVerbs verbs)
    {
        (this.spm, this.term, this.verbs) = (spm, term, verbs);
        writing = term.Worker.RunAsync();
    }

    /// <param name="wait">When the SPM does not answer, wait until it is proven dead.</param>
    /// <exception cref="Refusal">A living SPM (named with its URL), no free offline host id, or a domain that cannot be believed.</exception>
    public static async Task<OfflinePool> OpenAsync(ILun lun, OfflinePorts ports, bool wait, CancellationToken stop)
    {
        var domain = await PoolDomain.OpenAsync(lun);
        var spm = await OfflineSpm.JoinAsync(domain, ports, stop);
        var membership = spm.Membership;
        try
        {
            await RefuseStrangersAsync(domain, membership, ports, wait, stop);
            var term = await spm.LeadAsync<SpmTerm>(wait, async fence => await SpmTerm.BeginAsync(domain, fence, ports.WallClock, membership.Identity.Name, new PoolCounters()) switch
            {
                TermStart.Begun begun => new Led<SpmTerm>.Done(begun.Term),
                TermStart.EpochNotAbove not => new Led<SpmTerm>.EpochNotAbove(not.EpochOnDisk),
                var failed => throw Refusal.Damaged($"the SPM lease was taken, but not the pool: {((TermStart.Failed)failed).Why}"),
            }, stop);
            var maps = new ActivationMaps(domain, membership.Identity.HostId, membership.Identity.MapOwner);
            await maps.AdoptAsync(membership.Generation);
            var verbs = new PoolVerbs(term, maps, membership, ports.Imager(domain), ports.Choice, ports.WallClock, new PoolCounters(), ports.Say);
            var pool = new OfflinePool(spm, term, verbs);
            await verbs.RecoverOnceAsync();
            return pool;
        }
        catch
        {
            await spm.DisposeAsync();
            throw;
        }
    }

    /// <summary>The verbs of this term that not every pool has.</summary>
    public PoolVerbs Verbs => verbs;

    /// <summary>For what is written under the SPM lease beside the volume group.</summary>
    public PoolFence Fence => term.Fence;

    public Task<IReadOnlyList<VolumeReply>> ListVolumesAsync() => verbs.ListVolumesAsync();

    public Task<VolumeReply> GetVolumeAsync(string reference) => verbs.GetVolumeAsync(reference);

    public Task<VolumeReply> CreateVolumeAsync(CreateVolumeRequest request, IProgress<double>? progress = null, CancellationToken stop = default) => verbs.CreateVolumeAsync(request, progress, stop);

    public Task<ExtendVolumeReply> ExtendVolumeAsync(string reference, ExtendVolumeRequest request) => verbs.ExtendVolumeAsync(reference, request);

    public Task<DeleteVolumeReply> DeleteVolumeAsync(string reference, string? request = null, bool wipe = false, bool discard = false, IProgress<double>? progress = null) => verbs.DeleteVolumeAsync(reference, request, wipe, discard, progress);

    public Task<VolumeReply> ChangeVolumeAsync(string reference, VolumeChange change, IProgress<double>? progress = null) => verbs.ChangeVolumeAsync(reference, change, progress);

    public Task<SpaceReply> SetSpaceAsync(SpaceRequest request) => verbs.SetSpaceAsync(request);

    public Task<GuardReply> GuardAsync(GuardRequest request) => verbs.GuardAsync(request);

    public Task<AddDeviceReply> AddDeviceAsync(AddDeviceRequest request) => verbs.AddDeviceAsync(request);

    public Task<GarbageReply> GarbageAsync(bool collect) => verbs.GarbageAsync(collect);

    public async ValueTask DisposeAsync()
    {
        term.Worker.StopAccepting();
        await writing;
        await spm.DisposeAsync();
    }

    /// <summary>R23: not beside a host that has no record of ours, unless it is proven dead.</summary>
    static async Task RefuseStrangersAsync(PoolDomain domain, Membership membership, OfflinePorts ports, bool wait, CancellationToken stop)
    {
        var strange = await membership.StrangersOnDiskAsync();
        if (strange.Count == 0)
        {
            return;
        }
        if (!wait)
        {
            throw Refusal.Conflict(
                $"{strange[0].Name} is held by a program without a record of ours: oVirt may be running this pool, or a node is just starting. Ask that one; if its host is dead, --wait takes over once it is proven.");
        }
        if (await new HostWatch(domain, ports.BootClock).FindLivingAsync(strange, stop) is { } living)
        {
            throw Refusal.Conflict($"{living.Name} lives and has no record of ours: oVirt runs this pool, or a node is just starting. Ask that one.");
        }
    }
}
