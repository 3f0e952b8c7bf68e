using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Node.Roles;

/// <summary>Gives a domain back to oVirt: the volume <c>spm</c> and our tags go, in one commit; everything else stays as it is.</summary>
/// <remarks>
/// First as any SPM, so that what a former one left open comes to its end (R6b, S4). Then, with nothing open and nobody in the domain, the
/// last commit of ours: its text carries neither epoch nor tripwire. A crash before it leaves our domain, one after it oVirt's.
/// </remarks>
static class OfflineRelease
{
    const string What = "the domain is not released";

    /// <param name="open">The same LUN, opened anew: each part holds its own locks and gives them back.</param>
    /// <exception cref="Refusal">Somebody uses the domain, an operation stays open, or it is not oVirt's to have.</exception>
    public static async Task RunAsync(Func<ILun> open, OfflinePorts ports, bool wait, CancellationToken stop)
    {
        using (var lun = open())
        {
            if (await StorageDomain.OpenAnyAsync(lun) is not PoolDomain domain)
            {
                return; // released already, or never adopted
            }
            if (domain.Tags.NotForOvirt)
            {
                throw Refusal.Conflict($"{lun.Path}: {What}: oVirt does not know domains with this sector or extent size.");
            }
            await new DomainUse(domain, ports.BootClock).RefuseWhenUsedAsync(What, wait, stop);
            await using var ended = await OfflinePool.OpenAsync(lun, ports, wait, stop);
        }
        using var last = open();
        await HandBackAsync(last, ports, wait, stop);
    }

    static async Task HandBackAsync(ILun lun, OfflinePorts ports, bool wait, CancellationToken stop)
    {
        var domain = await PoolDomain.OpenAsync(lun);
        var use = new DomainUse(domain, ports.BootClock);
        await use.RefuseWhenUsedAsync(What, wait, stop);
        await using var spm = await OfflineSpm.JoinAsync(domain, ports, stop);
        await spm.LeadAsync(wait, async fence =>
        {
            await use.RefuseNewcomersAsync(What, spm.Membership.Identity.HostId);
            using var entry = fence.Enter();
            return await CommitAsync(lun, domain, ports, fence);
        }, stop);
    }

    /// <summary>Under the SPM lease, with nobody in the domain.</summary>
    internal static async Task<Led<VolumeGroup>> CommitAsync(ILun lun, PoolDomain domain, OfflinePorts ports, PoolFence fence)
    {
        var opened = await lun.OpenStoreAsync(ports.WallClock, Environment.MachineName);
        if (opened is not OpenOutcome.Opened { Store: var store })
        {
            throw Refusal.Damaged($"{lun.Path}: {What}: {((OpenOutcome.Refused)opened).Reason}.");
        }
        var outcome = await store.TakeOverAsync(
            fence, domain.Seen.Known, ForeignTextCheck.Lost, found => JournalPlace.Of(domain).NothingOpenAsync(domain, found, fence, Remove));
        return outcome switch
        {
            TakeOverOutcome.TakenOver taken => new Led<VolumeGroup>.Done(taken.Group),
            TakeOverOutcome.EpochNotAbove not => new Led<VolumeGroup>.EpochNotAbove(not.EpochOnDisk),
            TakeOverOutcome.Unknown unknown => throw Refusal.Unknown(
                $"{lun.Path}: whether the domain was released is not known: {unknown.Reason}. Look with 'spm domain info', and ask again: it is harmless."),
            TakeOverOutcome.NotIssued not => throw Refusal.Conflict($"{lun.Path}: {What}: {not.Reason}."),
            _ => throw Refusal.Conflict($"{lun.Path}: {What}: {outcome}."),
        };
    }

    static string? Remove(VolumeGroupDraft draft)
    {
        if (draft.Remove(SpecialVolumes.Spm.Name) is var removed and not EditOutcome.Done)
        {
            return $"the volume 'spm' cannot be removed: {removed}";
        }
        draft.ChangeVgTags(draft.Tags.Where(tag => PoolTags.IsOurs(tag) && !PoolTags.IsEpoch(tag)), []);
        draft.LeaveToOthers();
        return null;
    }
}
