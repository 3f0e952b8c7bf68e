using OvirtSpm.Leases.Resource;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Roles;

/// <summary>Makes a kept text current again, as the SPM of a domain that nobody uses (R20).</summary>
/// <remarks>
/// Volumes may lie elsewhere afterwards, or be gone: whoever had one active would write into other volumes' extents. So no host may
/// hold a host id but this verb, and no map may name a volume, looked at again once the SPM lease is held.
/// </remarks>
static class OfflineRestore
{
    const string What = "nothing is restored";

    /// <param name="kept">The text; its group has to be the one on the LUN.</param>
    /// <returns>What is current now.</returns>
    /// <exception cref="Refusal">Somebody is alive, or the text does not fit this LUN.</exception>
    public static async Task<VolumeGroup> RunAsync(ILun lun, OfflinePorts ports, VolumeGroup kept, bool wait, CancellationToken stop)
    {
        var read = await lun.ReadGroupAsync();
        if (read.Group is { } found && found.Uuid != kept.Uuid)
        {
            throw Refusal.Conflict($"{lun.Path}: {What}: volume group {found.Name} ({found.Uuid}) is there, the file is of {kept.Name} ({kept.Uuid}).");
        }
        // Where no copy can be read any more, the file says where the leases lie. What stands there has to be leases of this domain.
        var domain = await PoolDomain.OpenAsync(lun, read.Group ?? kept, isLost: read.Group is null);
        if (domain.MovedSince(kept) is not null)
        {
            // R23: the leases under which this is written would be elsewhere afterwards.
            throw Refusal.Conflict($"{lun.Path}: {What}: in the file a special volume lies elsewhere than on the LUN.");
        }
        var use = new DomainUse(domain, ports.BootClock);
        await use.RefuseWhenUsedAsync(What, wait, stop);
        var patience = new OfflinePatience(ports, stop);
        var membership = await OfflineJoin.JoinAsync(domain, ports, patience, stop);
        var renewing = new CancellationTokenSource();
        var renewal = membership.Keeper!.RunAsync(renewing.Token);
        try
        {
            return await AsSpmAsync(domain, use, membership, ports, kept, wait, patience, stop);
        }
        finally
        {
            await OfflinePool.LeaveAsync(lun, membership, membership.SpmLease!, renewing, renewal);
        }
    }

    static async Task<VolumeGroup> AsSpmAsync(
        PoolDomain domain, DomainUse use, Membership membership, OfflinePorts ports, VolumeGroup kept, bool wait, OfflinePatience patience, CancellationToken stop)
    {
        var lease = membership.SpmLease!;
        var minimum = 0ul;
        for (var attempt = 0; attempt < 3; attempt++)
        {
            var acquired = await OfflinePool.AcquireAsync(lease, new AcquireOptions(WaitForDeadOwner: wait, MinimumVersion: minimum), patience, stop);
            if (acquired is not AcquireOutcome.Acquired { LeaseVersion: var version })
            {
                throw OfflinePool.NotAcquired(acquired, membership);
            }
            await use.RefuseNewcomersAsync(What, membership.Identity.HostId);
            var fence = new PoolFence(version, margin => lease.MayWrite(version, margin), OfflinePool.FenceMargin, ports.BootClock, membership.ConfirmAsync);
            TakeOverOutcome restored;
            try
            {
                using var entry = fence.Enter();
                restored = await MetadataStore.RestoreAsync([domain.Lun.Metadata], kept, fence, ports.WallClock, membership.Identity.Name, othersElsewhere: true);
            }
            finally
            {
                fence.Close("the verb is done");
            }
            switch (restored)
            {
                case TakeOverOutcome.TakenOver taken:
                    return taken.Group;
                case TakeOverOutcome.EpochNotAbove not:
                    minimum = not.EpochOnDisk; // R22
                    break;
                case TakeOverOutcome.Unknown unknown:
                    throw Refusal.Unknown($"{domain.Lun.Path}: whether the file was restored is not known: {unknown.Reason}. Look with 'spm metadata check', and ask again.");
                default:
                    throw Refusal.Conflict($"{domain.Lun.Path}: {What}: {restored}.");
            }
            await lease.ReleaseAsync();
        }
        throw Refusal.Unavailable("the epoch on disk kept rising while this verb tried to take the pool: another SPM is at work.");
    }
}
