using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.Resource;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Roles;

/// <summary>Writing verbs straight on the LUN: joins with a host id that no node has, takes the SPM lease, renews, gives both back (R20).</summary>
sealed class OfflinePool : IPoolVerbs
{
    internal static readonly TimeSpan FenceMargin = TimeSpan.FromMilliseconds(200);

    readonly ILun lun;
    readonly Membership membership;
    readonly ResourceLease lease;
    readonly SpmTerm term;
    readonly PoolVerbs verbs;
    readonly CancellationTokenSource renewing;
    readonly Task<LeaseLost> renewal;
    readonly Task writing;

    OfflinePool(ILun lun, Membership membership, ResourceLease lease, SpmTerm term, PoolVerbs verbs, CancellationTokenSource renewing, Task<LeaseLost> renewal)
    {
        (this.lun, this.membership, this.lease, this.term, this.verbs) = (lun, membership, lease, term, verbs);
        (this.renewing, this.renewal) = (renewing, renewal);
        writing = term.Worker.RunAsync();
    }

    /// <param name="wait">When the SPM does not answer, wait until it is proven dead.</param>
    /// <exception cref="Refusal">A living SPM (named with its URL), no free offline host id, or a domain that cannot be believed.</exception>
    public static async Task<OfflinePool> OpenAsync(ILun lun, OfflinePorts ports, bool wait, CancellationToken stop)
    {
        var domain = await PoolDomain.OpenAsync(lun);
        var patience = new OfflinePatience(ports, stop);
        var membership = await OfflineJoin.JoinAsync(domain, ports, patience, stop);
        var renewing = new CancellationTokenSource();
        var renewal = membership.Keeper!.RunAsync(renewing.Token);
        var lease = membership.SpmLease!;
        try
        {
            var term = await BeginAsync(domain, membership, lease, ports, wait, patience, stop);
            var maps = new ActivationMaps(domain, membership.Identity.HostId, membership.Identity.MapOwner);
            await maps.AdoptAsync(membership.Generation);
            var verbs = new PoolVerbs(term, maps, membership, ports.Imager(domain), ports.Choice, ports.WallClock, new PoolCounters(), ports.Say);
            var pool = new OfflinePool(lun, membership, lease, term, verbs, renewing, renewal);
            await verbs.RecoverOnceAsync();
            return pool;
        }
        catch
        {
            await LeaveAsync(lun, membership, lease, renewing, renewal);
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

    public Task<DeleteVolumeReply> DeleteVolumeAsync(string reference, string? request = null, bool wipe = false, bool discard = false) => verbs.DeleteVolumeAsync(reference, request, wipe, discard);

    public Task<VolumeReply> ChangeVolumeAsync(string reference, VolumeChange change, IProgress<double>? progress = null) => verbs.ChangeVolumeAsync(reference, change, progress);

    public Task<SpaceReply> SetSpaceAsync(SpaceRequest request) => verbs.SetSpaceAsync(request);

    public Task<AddDeviceReply> AddDeviceAsync(AddDeviceRequest request) => verbs.AddDeviceAsync(request);

    public Task<GarbageReply> GarbageAsync(bool collect) => verbs.GarbageAsync(collect);

    public async ValueTask DisposeAsync()
    {
        term.Worker.StopAccepting();
        await writing;
        term.Fence.Close("the verb is done");
        await LeaveAsync(lun, membership, lease, renewing, renewal);
    }

    /// <summary>R23: not beside a host that has no record of ours, unless it is proven dead.</summary>
    static async Task RefuseStrangersAsync(PoolDomain domain, Membership membership, OfflinePorts ports, bool wait, CancellationToken stop)
    {
        await membership.RefreshRecordsAsync();
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

    /// <summary>Other offline verbs are waited for: each holds the pool for seconds. A node that is SPM is not: it answers with --url.</summary>
    internal static async Task<AcquireOutcome> AcquireAsync(ResourceLease lease, AcquireOptions options, OfflinePatience patience, CancellationToken stop)
    {
        while (true)
        {
            var outcome = await lease.AcquireAsync(options, stop);
            var other = outcome switch
            {
                AcquireOutcome.OwnedByLiveHost live when OfflineJoin.IsOffline(live.OwnerId, live.Name) => live.OwnerId,
                AcquireOutcome.OwnerMayLive maybe when OfflineJoin.IsOffline(maybe.OwnerId, maybe.Name) => maybe.OwnerId,
                AcquireOutcome.Contended => 0,
                _ => -1,
            };
            if (other < 0 || !await patience.WaitAsync(other == 0 ? "other offline verbs" : $"another offline verb (host id {other})"))
            {
                return outcome;
            }
        }
    }

    static async Task<SpmTerm> BeginAsync(
        PoolDomain domain, Membership membership, ResourceLease lease, OfflinePorts ports, bool wait, OfflinePatience patience, CancellationToken stop)
    {
        await RefuseStrangersAsync(domain, membership, ports, wait, stop);
        var minimum = 0ul;
        for (var attempt = 0; attempt < 3; attempt++)
        {
            var acquired = await AcquireAsync(lease, new AcquireOptions(WaitForDeadOwner: wait, MinimumVersion: minimum), patience, stop);
            if (acquired is not AcquireOutcome.Acquired { LeaseVersion: var version })
            {
                throw NotAcquired(acquired, membership);
            }
            var fence = new PoolFence(version, margin => lease.MayWrite(version, margin), FenceMargin, ports.BootClock, membership.ConfirmAsync);
            switch (await SpmTerm.BeginAsync(domain, fence, ports.WallClock, membership.Identity.Name, new PoolCounters()))
            {
                case TermStart.Begun begun:
                    return begun.Term;
                case TermStart.EpochNotAbove not:
                    minimum = not.EpochOnDisk; // R22
                    break;
                case TermStart.Failed failed:
                    throw Refusal.Damaged($"the SPM lease was taken, but not the pool: {failed.Why}");
            }
            await lease.ReleaseAsync();
        }
        throw Refusal.Unavailable("the epoch on disk kept rising while this verb tried to take the pool: another SPM is at work. Use --url.");
    }

    internal static Refusal NotAcquired(AcquireOutcome outcome, Membership membership) => outcome switch
    {
        AcquireOutcome.OwnedByLiveHost live when OfflineJoin.IsOffline(live.OwnerId, live.Name) => Refusal.Conflict(
            $"another offline verb (host id {live.OwnerId}) is at work on this LUN and did not end within {OfflinePatience.Limit.TotalSeconds:0} s. Try again when it ended."),
        AcquireOutcome.OwnerMayLive maybe when OfflineJoin.IsOffline(maybe.OwnerId, maybe.Name) => Refusal.Conflict(
            $"an offline verb of another machine (host id {maybe.OwnerId}) has the pool and does not renew. If it is dead, --wait takes over after at most {maybe.Remaining.TotalSeconds:0} s."),
        AcquireOutcome.OwnedByLiveHost live => Refusal.Conflict($"the SPM lives: {Name(membership, live.OwnerId, live.Generation)}. Ask it with --url instead of --lun."),
        AcquireOutcome.OwnerMayLive maybe => Refusal.Conflict(
            $"the SPM is {Name(membership, maybe.OwnerId, maybe.Generation)}; ask it with --url. If that host is dead, --wait takes over after at most {maybe.Remaining.TotalSeconds:0} s."),
        AcquireOutcome.Refused refused => Refusal.Damaged($"the SPM lease cannot be taken: {refused.Text} (byte {refused.SectorOffsetBytes} of its area)."),
        _ => Refusal.Unavailable($"the SPM lease was not taken: {outcome}. Try again."),
    };

    static string Name(Membership membership, int hostId, ulong generation) =>
        membership.RecordOf(hostId, generation) is { } record
            ? $"host {hostId}, '{record.Name}'{(record.Url.Length > 0 ? $" at {record.Url}" : " (an offline verb)")}"
            : $"host {hostId}";

    internal static async Task LeaveAsync(ILun lun, Membership membership, ResourceLease lease, CancellationTokenSource renewing, Task<LeaseLost> renewal)
    {
        // R8: first the lease, once no write under it is on its way, then the host id.
        await lun.WhenAllWritesReturnedAsync();
        if (membership.IsValid)
        {
            await lease.ReleaseAsync();
        }
        renewing.Cancel();
        await renewal;
        await membership.LeaveAsync();
        lun.Dispose();
        renewing.Dispose();
    }
}
