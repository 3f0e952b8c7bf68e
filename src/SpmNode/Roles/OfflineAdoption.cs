using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Roles;

/// <summary>Makes a domain that oVirt wrote one that we may lead: the volume <c>spm</c> and our tags, in one commit under the SPM lease.</summary>
/// <remarks>
/// The content is written first, into an extent that belongs to nobody. A crash before the commit leaves the domain as oVirt made it, one
/// after it an adopted domain; both are oVirt's to use, and asking again completes it.
/// </remarks>
static class OfflineAdoption
{
    const string What = "the domain is not adopted";
    const long ZeroStep = 32 << 20;

    /// <exception cref="Refusal">Somebody uses the domain, or it cannot be adopted as it is.</exception>
    public static async Task<PoolDomain> RunAsync(ILun lun, OfflinePorts ports, AdoptionOptions options, CancellationToken stop)
    {
        var domain = await StorageDomain.OpenAnyAsync(lun);
        if (domain is PoolDomain already)
        {
            return already;
        }
        await AdoptionPlan.MakeAsync(domain, options); // what can be refused is refused before a host id is taken
        var tenure = await OvirtTenure.TakeAsync(domain, ports, options, What, stop);
        try
        {
            return await AsSpmAsync(lun, ports, options, tenure.Fence);
        }
        finally
        {
            await tenure.LeaveAsync();
        }
    }

    /// <summary>Under the SPM lease.</summary>
    internal static async Task<PoolDomain> AsSpmAsync(ILun lun, OfflinePorts ports, AdoptionOptions options, PoolFence fence)
    {
        // Read again: an extent that was free before the lease was ours may be a volume's now.
        var domain = await StorageDomain.OpenAnyAsync(lun);
        if (domain is PoolDomain already)
        {
            return already;
        }
        var plan = await AdoptionPlan.MakeAsync(domain, options);
        var opened = await lun.OpenStoreAsync(ports.WallClock, Environment.MachineName);
        if (opened is not OpenOutcome.Opened { Store: var store } || store.Current.Version != domain.Group.Version)
        {
            throw Refusal.Conflict($"{lun.Path}: {What}: the metadata changed meanwhile, without the SPM lease. Find out who writes it, then ask again.");
        }
        using var entry = fence.Enter();
        await FillAsync(lun, plan, ports.Choice, fence);
        var outcome = await store.TakeOverAsync(fence, journal: found => ValueTask.FromResult(new TakeOverBasis(
            Journal: null,
            Objection: found.Version == domain.Group.Version ? null : "the metadata changed meanwhile, without the SPM lease",
            Reapply: draft => Add(draft, plan, ports))));
        return outcome switch
        {
            TakeOverOutcome.TakenOver => await PoolDomain.OpenAsync(lun),
            TakeOverOutcome.Unknown unknown => throw Refusal.Unknown(
                $"{lun.Path}: whether the domain was adopted is not known: {unknown.Reason}. Look with 'spm domain info', and ask again: it is harmless."),
            TakeOverOutcome.NotIssued not => throw Refusal.Conflict($"{lun.Path}: {What}: {not.Reason}."),
            _ => throw Refusal.Conflict($"{lun.Path}: {What}: {outcome}."),
        };
    }

    /// <summary>Before the commit: whoever finds the volume finds its superblock, and may rely on everything behind it.</summary>
    static async Task FillAsync(ILun lun, AdoptionPlan plan, IChoice choice, PoolFence fence)
    {
        for (var done = 0L; done < SpmLayout.VolumeBytes; done += ZeroStep)
        {
            // R13: in steps, each of which asks the fence.
            var at = plan.OffsetBytes + done;
            if (fence.Issue(() => lun.Data.ZeroAsync(at, ZeroStep, mayPunch: false)) is not { } zeroing)
            {
                throw Refusal.Unavailable($"{lun.Path}: {What}: the lease was lost while the new volume 'spm' was filled. Nothing of the domain changed; ask again.");
            }
            await zeroing;
        }
        await lun.Data.FlushAsync();
        var spm = new FencedArea(lun.Window(plan.OffsetBytes, SpmLayout.VolumeBytes), fence);
        foreach (var write in SpmVolumeCreation.Writes(new Superblock(RandomIdentity.Guid(choice), plan.Domain.Uuid, SpmLayout.Create(lun.SectorSize))))
        {
            await spm.WriteAsync(write.OffsetBytes, write.Bytes);
        }
    }

    static string? Add(VolumeGroupDraft draft, AdoptionPlan plan, OfflinePorts ports)
    {
        var uuid = LvmUuid.FromRandomBytes(RandomIdentity.Bytes(ports.Choice, LvmUuid.Length));
        return draft.CreateLinear(SpecialVolumes.Spm.Name, uuid, 1, [], ports.WallClock.GetUtcNow(), Environment.MachineName, plan.Place) is var made and not EditOutcome.Done
            ? $"the volume 'spm' cannot be made: {made}"
            : draft.ChangeVgTags([], plan.Tags) is var tagged and not EditOutcome.Done ? $"the tags cannot be added: {tagged}"
            : null;
    }
}
