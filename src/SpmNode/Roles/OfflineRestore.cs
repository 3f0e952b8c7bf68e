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
        await using var spm = await OfflineSpm.JoinAsync(domain, ports, stop);
        return await spm.LeadAsync<VolumeGroup>(wait, async fence =>
        {
            await use.RefuseNewcomersAsync(What, spm.Membership.Identity.HostId);
            using var entry = fence.Enter();
            return await MetadataStore.RestoreAsync([lun.Metadata], kept, fence, ports.WallClock, spm.Membership.Identity.Name, othersElsewhere: true) switch
            {
                TakeOverOutcome.TakenOver taken => new Led<VolumeGroup>.Done(taken.Group),
                TakeOverOutcome.EpochNotAbove not => new Led<VolumeGroup>.EpochNotAbove(not.EpochOnDisk),
                TakeOverOutcome.Unknown unknown => throw Refusal.Unknown(
                    $"{lun.Path}: whether the file was restored is not known: {unknown.Reason}. Look with 'spm metadata check', and ask again."),
                var other => throw Refusal.Conflict($"{lun.Path}: {What}: {other}."),
            };
        }, stop);
    }
}
