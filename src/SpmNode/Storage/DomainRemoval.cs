using OvirtSpm.LvmMetadata;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Activation;
using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Node.Storage;

/// <summary>Makes a LUN empty again. Refused while a host holds a host id in the domain or has a volume of it active.</summary>
sealed class DomainRemoval(ILun lun, TimeProvider bootClock)
{
    /// <returns>Devices that still carry their labels, for people.</returns>
    public async Task<IReadOnlyList<string>> RemoveAsync(bool yes, bool wait, CancellationToken stop)
    {
        var read = await lun.ReadGroupAsync();
        // Only what is known to be a domain is removed: another program's file system or volume group is not ours to empty.
        if (read.Group is not { } group)
        {
            throw Refusal.Damaged(
                $"{lun.Path}: no domain can be read there, so nothing is removed. 'spm domain check' shows what there is; if all of it may be lost, 'spm domain create --wipe' overwrites it.");
        }
        if (!yes)
        {
            throw Refusal.Conflict($"{lun.Path}: domain {group.Name} with {group.LogicalVolumes.Length} logical volumes would be lost. Say --yes if that is meant.");
        }
        switch (PoolTags.StateOf(group.Tags))
        {
            case DomainState.Ready:
                await new DomainUse(await PoolDomain.OpenAsync(lun), bootClock).RefuseWhenUsedAsync("the domain is not removed", wait, stop);
                break;
            case DomainState.Unready:
                break;
            case DomainState.Contradictory:
                throw Refusal.Conflict($"{lun.Path}: volume group {group.Name} is tagged both ready and unready; nothing is removed before a person decided. vgchange --deltag takes the wrong tag away.");
            default:
                throw Refusal.Conflict($"{lun.Path}: volume group '{group.Name}' is not a storage domain; nothing is removed. vgremove and pvremove of lvm2 remove volume groups.");
        }
        await lun.Others.LookAsync(group);
        // The first device first: nothing finds the others without it.
        await ForgetAsync(lun.Metadata, lun.Data);
        foreach (var copy in read.Copies)
        {
            await lun.Data.ZeroAsync(copy.AreaOffsetBytes, lun.SectorSize, mayPunch: false);
        }
        await lun.Data.FlushAsync();
        var left = new List<string>();
        foreach (var pv in group.PhysicalVolumes.Skip(1))
        {
            if (lun.Others.Metadata(pv.Uuid) is { } area && lun.Others.Data(pv.Uuid) is { } data)
            {
                await ForgetAsync(area, data);
            }
            else
            {
                left.Add($"'{pv.DeviceHint}' ({pv.Uuid}) is not seen by this host and still carries its label: pvremove empties it");
            }
        }
        return left;
    }

    /// <summary>Whole sectors around each signature: a label, a header, a superblock; nothing finds the contents without them.</summary>
    static async Task ForgetAsync(IPvArea area, IDataDevice data)
    {
        foreach (var signature in await DeviceProbe.ProbeAsync(area))
        {
            var start = signature.OffsetBytes / data.SectorSize * data.SectorSize;
            var end = (signature.OffsetBytes + signature.LengthBytes + data.SectorSize - 1) / data.SectorSize * data.SectorSize;
            await data.ZeroAsync(start, end - start, mayPunch: false);
        }
        await data.FlushAsync();
    }
}
