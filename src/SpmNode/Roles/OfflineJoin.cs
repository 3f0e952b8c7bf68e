using OvirtSpm.Leases;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Roles;

/// <summary>Finds a host id for an offline verb and joins with it (R20).</summary>
static class OfflineJoin
{
    const string NamePrefix = "offline-";

    public static string Name(int hostId) => $"{NamePrefix}{hostId}";

    /// <param name="leaseName">As it stands in the host id's sector; null when that was not read: no node has such an id, so the id decides.</param>
    public static bool IsOffline(int hostId, string? leaseName) =>
        hostId is >= DomainCreator.FirstOfflineHostId and <= DomainCreator.LastOfflineHostId
        && (leaseName is null || leaseName.StartsWith($"{NamePrefix}{hostId}.", StringComparison.Ordinal));

    /// <exception cref="Refusal">All of these host ids are in use, or none of them can be believed.</exception>
    public static async Task<Membership> JoinAsync(PoolDomain domain, OfflinePorts ports, OfflinePatience patience, CancellationToken stop)
    {
        // Its io timeout is 1 s whatever the pool's is: the sectors of these ids were initialised with it, so joining takes seconds.
        var timing = new LeaseTiming(TimeSpan.FromSeconds(1), domain.Timing.WatchdogTimeout);
        while (true)
        {
            Refusal? last = null;
            foreach (var id in await OrderAsync(domain, ports))
            {
                var membership = new Membership(domain, ports.Identity(id), timing, ports.BootClock, ports.Choice);
                try
                {
                    if (membership.TryLockSector() && !membership.HasHeirs() && !await membership.IsHeldByOtherAsync() && await MayUseMapAsync(domain, membership.Identity))
                    {
                        await membership.JoinAsync(stop);
                        return membership;
                    }
                }
                catch (Refusal refused) when (refused.Code is RefusalCode.Conflict or RefusalCode.Damaged)
                {
                    last = refused;
                }
                // R7's lock on an id that is not used would keep other verbs from it.
                membership.UnlockSector();
            }
            if (last is { Code: RefusalCode.Damaged } || !await patience.WaitAsync("other offline verbs"))
            {
                throw last ?? Refusal.Conflict(
                    $"all host ids for offline verbs ({DomainCreator.FirstOfflineHostId} to {DomainCreator.LastOfflineHostId}) are in use: other verbs run on this LUN now. Try again when they ended.");
            }
        }
    }

    /// <summary>
    /// First what a crashed verb of this machine left, above all the one that has the SPM lease: under its own name and with R7's
    /// lock in hand that life is over, so nobody has to wait until it is proven dead.
    /// </summary>
    static async Task<IEnumerable<int>> OrderAsync(PoolDomain domain, OfflinePorts ports)
    {
        var held = (await new HostWatch(domain, ports.BootClock).HeldAsync()).Where(holder => holder.IsBelieved).ToDictionary(holder => holder.HostId);
        var sector = new byte[domain.Lun.SectorSize];
        await domain.Leases.ReadAsync(domain.SpmLeaseOffset, sector);
        var owner = LeaderRecord.TryParse(LeaderKind.Resource, sector, out var leader) == RecordError.None ? (int)leader!.OwnerId : 0;
        int Rank(int id) => held.TryGetValue(id, out var holder) && holder.Lease!.Resource.ToString() == ports.Identity(id).LeaseName ? (id == owner ? 0 : 1) : 2;
        return Enumerable.Range(DomainCreator.FirstOfflineHostId, DomainCreator.LastOfflineHostId - DomainCreator.FirstOfflineHostId + 1).OrderBy(Rank).ToList();
    }

    /// <summary>R11: an id whose activation map is another machine's, or cannot be believed, is not adopted. There are others.</summary>
    static async Task<bool> MayUseMapAsync(PoolDomain domain, HostIdentity identity)
    {
        var own = await new ActivationMaps(domain, identity.HostId, identity.MapOwner).ReadOwnAsync();
        if (!own.IsReadable)
        {
            throw Refusal.Damaged(
                $"the activation map of host id {identity.HostId} cannot be believed, so volumes may be in use under it. 'spm domain check' names the sector.");
        }
        return own.ForeignOwners(identity.MapOwner).All(owner => owner.MachineId == identity.MachineId);
    }
}
