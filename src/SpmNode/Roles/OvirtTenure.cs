using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.Resource;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Roles;

/// <summary>A host id and the SPM lease of a domain without the volume <c>spm</c>, for one verb: no record, no map, only what sanlock sees.</summary>
/// <remarks>R22, R23: taken only when nobody else is in the domain; with the lease held, no VDSM can become SPM meanwhile.</remarks>
sealed class OvirtTenure
{
    readonly StorageDomain domain;
    readonly LeaseKeeper keeper;
    readonly ResourceLease lease;
    readonly CancellationTokenSource renewing = new();
    readonly Task<LeaseLost> renewal;

    OvirtTenure(StorageDomain domain, LeaseKeeper keeper, ResourceLease lease)
    {
        (this.domain, this.keeper, this.lease) = (domain, keeper, lease);
        renewal = keeper.RunAsync(renewing.Token);
    }

    /// <summary>What every write of the tenure asks.</summary>
    public PoolFence Fence { get; private set; } = null!;

    /// <param name="what">What is not done when it is refused, e.g. "the domain is not adopted".</param>
    /// <exception cref="Refusal">A host is in the domain, the SPM lease is held, or a lease cannot be believed.</exception>
    public static async Task<OvirtTenure> TakeAsync(StorageDomain domain, OfflinePorts ports, AdoptionOptions options, string what, CancellationToken stop)
    {
        what = $"{domain.Lun.Path}: {what}";
        var watch = new HostWatch(domain, ports.BootClock);
        var held = await watch.HeldAsync();
        var identity = Seat(domain, ports, held) ?? throw Refusal.Conflict(
            $"{what}: the host ids of offline verbs ({DomainCreator.FirstOfflineHostId} to {DomainCreator.LastOfflineHostId}) are in use by other hosts or by another verb on this machine. Try again when that ended.");
        // Under our own name and with R7's lock in hand, a crashed verb's life is over.
        held = [.. held.Where(holder => holder.HostId != identity.HostId)];
        if (held is [var first, ..] && !options.Wait)
        {
            throw Refusal.Conflict(
                $"{what}: {first.Name} is held: oVirt uses this domain (R23). Put it into maintenance there; if that host crashed, --wait goes on once that is proven.");
        }
        if (await watch.FindLivingAsync(held, stop) is { } living)
        {
            throw Refusal.Conflict($"{what}: {living.Name} lives or cannot be judged: oVirt uses this domain (R23). Put it into maintenance there first.");
        }
        var keeper = new LeaseKeeper(
            domain.Ids, domain.Geometry, domain.Lockspace, identity.HostId, identity.LeaseName,
            new LeaseTiming(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(options.WatchdogTimeoutSeconds)), ports.BootClock, ports.Choice, (_, _) => null);
        if (await keeper.JoinAsync(stop) is var joined and not JoinOutcome.Joined)
        {
            throw Refusal.Unavailable($"{what}: host id {identity.HostId} was not taken: {joined}. Try again, or look with 'spm domain check'.");
        }
        var lease = new ResourceLease(
            domain.Leases, domain.SpmLeaseOffset, domain.Geometry, domain.Lockspace, StorageDomain.SpmResource, keeper, ports.BootClock, ports.Choice);
        var tenure = new OvirtTenure(domain, keeper, lease);
        try
        {
            await tenure.LeadAsync(ports, options.Wait, what, stop);
            foreach (var holder in await watch.HeldAsync())
            {
                // Whoever came while we joined; those that were watched and are dead stand there as before.
                if (holder.HostId != identity.HostId && !held.Any(dead => dead.IsSameLife(holder)))
                {
                    throw Refusal.Conflict($"{what}: {holder.Name} came meanwhile: oVirt uses this domain (R23). Put it into maintenance there first.");
                }
            }
            return tenure;
        }
        catch
        {
            await tenure.LeaveAsync();
            throw;
        }
    }

    /// <summary>R8: the lease first, once no write under it is on its way, then the host id.</summary>
    public async Task LeaveAsync()
    {
        Fence?.Close("the verb is done");
        await domain.Lun.WhenAllWritesReturnedAsync();
        if (keeper.Deadline.Holds())
        {
            await lease.ReleaseAsync();
        }
        renewing.Cancel();
        await renewal;
        await keeper.LeaveAsync();
        renewing.Dispose();
    }

    async Task LeadAsync(OfflinePorts ports, bool wait, string what, CancellationToken stop)
    {
        var acquired = await lease.AcquireAsync(new AcquireOptions(WaitForDeadOwner: wait), stop);
        if (acquired is not AcquireOutcome.Acquired { LeaseVersion: var version })
        {
            throw acquired switch
            {
                AcquireOutcome.OwnedByLiveHost live => Refusal.Conflict($"{what}: host id {live.OwnerId} ('{live.Name}') holds the SPM lease and lives: oVirt's SPM. Put the domain into maintenance there first."),
                AcquireOutcome.OwnerMayLive maybe => Refusal.Conflict(
                    $"{what}: host id {maybe.OwnerId} ('{maybe.Name}') holds the SPM lease and may live. If it is dead, --wait takes over after at most {maybe.Remaining.TotalSeconds:0} s."),
                AcquireOutcome.Refused refused => Refusal.Damaged($"{what}: the SPM lease cannot be taken: {refused.Text} (byte {refused.SectorOffsetBytes} of the volume 'leases')."),
                _ => Refusal.Unavailable($"{what}: the SPM lease was not taken: {acquired}. Try again."),
            };
        }
        Fence = new PoolFence(version, margin => lease.MayWrite(version, margin), OfflineSpm.FenceMargin, ports.BootClock, lease.ConfirmWithHostIdAsync);
    }

    /// <summary>What a crashed verb of this machine left comes first; then an id that nobody holds. R7's lock is taken with it.</summary>
    static HostIdentity? Seat(StorageDomain domain, OfflinePorts ports, IReadOnlyList<HostHolder> held)
    {
        var names = held.ToDictionary(holder => holder.HostId, holder => holder.Lease?.Resource.ToString());
        return Enumerable.Range(DomainCreator.FirstOfflineHostId, DomainCreator.LastOfflineHostId - DomainCreator.FirstOfflineHostId + 1)
            .Select(ports.Identity)
            .Where(identity => !names.TryGetValue(identity.HostId, out var name) || name == identity.LeaseName)
            .OrderBy(identity => names.ContainsKey(identity.HostId) ? 0 : 1)
            .FirstOrDefault(identity => domain.Lun.TryLock(domain.IdsOffset + ((long)(identity.HostId - 1) * domain.Lun.SectorSize), domain.Lun.SectorSize));
    }
}
