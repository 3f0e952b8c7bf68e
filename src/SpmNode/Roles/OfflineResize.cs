using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes;
using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Node.Roles;

/// <summary>Takes the space in by which devices of a domain became larger, as the SPM of a domain that nobody uses (R20).</summary>
/// <remarks>
/// The end of each device moves, and what the second metadata area lay on is given away afterwards: a write of a former SPM that is still on its
/// way to it would land in a volume. So every host id has to be given back in order (R8), a host that is merely proven dead is none (R6).
/// First as any SPM, so that both copies are current and nothing is open.
/// </remarks>
static class OfflineResize
{
    const string What = "no device is resized";

    /// <param name="open">The same LUN, opened anew: each part holds its own locks and gives them back.</param>
    /// <returns>What every device has now.</returns>
    /// <exception cref="Refusal">Somebody uses the domain, or a device cannot be taken as it is.</exception>
    public static async Task<IReadOnlyList<ResizeDeviceReply>> RunAsync(Func<ILun> open, OfflinePorts ports, CancellationToken stop)
    {
        using (var lun = open())
        {
            var domain = await PoolDomain.OpenAsync(lun);
            await PrepareAsync(lun, domain, domain.Group);
            await new DomainUse(domain, ports.BootClock).RefuseWhenUsedAsync(What, wait: false, stop, mayWait: false);
            await using var ended = await OfflinePool.OpenAsync(lun, ports, wait: false, stop);
        }
        using var last = open();
        var mine = await PoolDomain.OpenAsync(last);
        var use = new DomainUse(mine, ports.BootClock);
        await use.RefuseWhenUsedAsync(What, wait: false, stop, mayWait: false);
        await using var spm = await OfflineSpm.JoinAsync(mine, ports, stop);
        return await spm.LeadAsync(wait: false, async fence =>
        {
            await use.RefuseNewcomersAsync(What, spm.Membership.Identity.HostId);
            using var entry = fence.Enter();
            return await CommitAsync(last, mine, ports, fence);
        }, stop);
    }

    /// <summary>Under the SPM lease, with nobody in the domain.</summary>
    internal static async Task<Led<IReadOnlyList<ResizeDeviceReply>>> CommitAsync(ILun lun, PoolDomain domain, OfflinePorts ports, PoolFence fence)
    {
        var read = await lun.ReadGroupAsync();
        var group = read.Group ?? throw Refusal.Damaged($"{lun.Path}: {What}: the volume group cannot be read: {read.Problem}");
        var grown = await PrepareAsync(lun, domain, group);
        if (grown.Count > 0 && (read.UsedCopies != 2 || read.Copies.Any(copy => copy.State is not (CopyState.Current or CopyState.Ignored))))
        {
            // What becomes the new copy has to be what every reader takes.
            throw Refusal.Conflict($"{lun.Path}: {What}: the copies of the metadata are not both current. A node, or any verb that writes, settles that; 'spm metadata check' shows them.");
        }
        var before = group.PhysicalVolumes;
        if (grown.Count > 0)
        {
            byte[] text = [.. read.Copies.First(copy => copy.State is CopyState.Current).Text.Span, 0];
            foreach (var (index, device) in grown)
            {
                // The areas of all but the first device are ignored.
                if (!await device.WriteAsync(fence, index == 0 ? text : default))
                {
                    throw Refusal.NotLeader($"{lun.Path}: {What}: the lease was lost. The domain is as it was; ask again.");
                }
            }
            // Opened now: by the labels as they are.
            var opened = await lun.OpenStoreAsync(ports.WallClock, Environment.MachineName);
            if (opened is not OpenOutcome.Opened { Store: var store })
            {
                throw Refusal.Damaged($"{lun.Path}: {What}: {((OpenOutcome.Refused)opened).Reason}.");
            }
            var outcome = await store.TakeOverAsync(fence, domain.Seen.Known, ForeignTextCheck.Lost, found => JournalPlace.Of(domain).NothingOpenAsync(domain, found, fence, draft => Grow(draft, grown)));
            switch (outcome)
            {
                case TakeOverOutcome.TakenOver taken:
                    group = taken.Group;
                    break;
                case TakeOverOutcome.EpochNotAbove not:
                    return new Led<IReadOnlyList<ResizeDeviceReply>>.EpochNotAbove(not.EpochOnDisk);
                case TakeOverOutcome.Unknown unknown:
                    throw Refusal.Unknown($"{lun.Path}: whether the new space was taken in is not known: {unknown.Reason}. Look with 'spm domain info', and ask again: it is harmless.");
                case TakeOverOutcome.NotIssued not:
                    throw Refusal.Conflict($"{lun.Path}: {What}: {not.Reason}.");
                default:
                    throw Refusal.Conflict($"{lun.Path}: {What}: {outcome}.");
            }
        }
        return new Led<IReadOnlyList<ResizeDeviceReply>>.Done([.. group.PhysicalVolumes.Select(pv => new ResizeDeviceReply(
            pv.Index == 0 ? lun.Path : pv.DeviceHint, pv.Uuid.ToString(), before[pv.Index].ExtentCount * group.ExtentSizeBytes, pv.ExtentCount * group.ExtentSizeBytes))]);
    }

    /// <exception cref="Refusal">A device is smaller than its extents, is not seen, or cannot be taken as it is.</exception>
    static async Task<List<(int Index, GrownPhysicalVolume Device)>> PrepareAsync(ILun lun, PoolDomain domain, VolumeGroup group)
    {
        var grown = new List<(int, GrownPhysicalVolume)>();
        foreach (var pv in group.PhysicalVolumes)
        {
            if ((pv.Index == 0 ? lun.Metadata : lun.Others.Metadata(pv.Uuid)) is not { } device)
            {
                throw Refusal.Conflict($"{lun.Path}: {What}: {domain.Devices.Missing().FirstOrDefault() ?? pv.SectionName} is not seen by this host. Connect it, or say where it is with --device.");
            }
            var (found, problem) = await GrownPhysicalVolume.PrepareAsync(device, pv, group.ExtentSizeBytes, DomainLimits.MetadataAreaBytes);
            if (problem is not null)
            {
                throw Refusal.Conflict($"{lun.Path}: {What}: {problem}. Nothing was written.");
            }
            if (found is not null)
            {
                grown.Add((pv.Index, found));
            }
        }
        return grown;
    }

    /// <summary>The extents and what the domain's tags say of them, in one commit.</summary>
    static string? Grow(VolumeGroupDraft draft, IReadOnlyList<(int Index, GrownPhysicalVolume Device)> grown)
    {
        if (DomainMetadata.TryParse(draft.Tags, out var before, out var where) is var error && error != DomainError.None)
        {
            return $"the domain's description in the tags is not believed: {error} at {where}";
        }
        foreach (var (_, device) in grown)
        {
            if (draft.GrowPhysicalVolume(device.Uuid, device.Extents) is var outcome and not (EditOutcome.Done or EditOutcome.AlreadyThere))
            {
                return $"device {device.Uuid} cannot be made larger: {outcome}";
            }
        }
        var sizes = draft.PhysicalVolumes.ToDictionary(pv => pv.Uuid.ToString(), pv => pv.ExtentCount);
        var offset = 0L;
        var entries = new List<PhysicalVolumeEntry>();
        foreach (var entry in before!.PhysicalVolumes)
        {
            entries.Add(entry with { ExtentCount = sizes.GetValueOrDefault(entry.Uuid, entry.ExtentCount), MapOffset = offset });
            offset += entries[^1].ExtentCount;
        }
        var (old, tags) = (before.ToTags(), (before with { PhysicalVolumes = new EquatableList<PhysicalVolumeEntry>([.. entries]) }).ToTags());
        return draft.ReplaceVgTags(old, tags) is EditOutcome.Refused refused ? refused.Reason : null;
    }
}
