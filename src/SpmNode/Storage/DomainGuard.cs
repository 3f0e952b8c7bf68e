using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Node.Storage;

/// <summary>A system id of ours in the volume group: stock lvm2 then takes the group for another machine's, whichever host it runs on.</summary>
/// <remarks>
/// Every host of ours reads and writes the metadata natively and asks the fence, not lvm2, so no host needs the id. Measured with lvm2 2.03.16:
/// each of the commands below is refused or not, as <c>LvmGuardTests</c> tries them.
/// </remarks>
static class DomainGuard
{
    const string Prefix = "ovirt-spm.";

    /// <summary>lvm2 takes two volumes' times from two commands; ours are made in one go.</summary>
    static readonly TimeSpan OneMoment = TimeSpan.FromSeconds(1);

    static readonly string[] Refused =
    [
        "lvcreate, lvremove, lvextend, lvreduce, lvresize, lvrename, lvconvert, lvchange (activation, too)",
        "vgchange (activation, too), vgremove, vgrename, vgextend, vgreduce, vgexport, vgsplit, vgmerge, vgimportclone, vgck --updatemetadata",
        "pvchange, pvresize, pvmove",
    ];

    static readonly string[] NotStopped =
    [
        "vgcfgrestore of a file, pvck --repair: write over the metadata, whosever they are",
        "pvcreate -ff, pvremove -ff, wipefs, dd: write over the label",
        "a host that was told the id: local/extra_system_ids",
    ];

    public static string SystemIdOf(StorageDomain domain) => Prefix + domain.Uuid;

    public static GuardReply Describe(StorageDomain domain, VolumeGroup group, bool changed = false)
    {
        var on = group.SystemId == SystemIdOf(domain);
        return new(
            group.Name, on, group.SystemId.Length == 0 ? null : group.SystemId, group.Flags.Contains("NOAUTOACTIVATE"),
            group.SystemId.Length == 0 ? [] : Refused, NotStopped, group.Seqno, changed);
    }

    /// <summary>What speaks against hiding the domain from lvm2: VDSM works through it, and would not find the domain any more.</summary>
    /// <returns>Why, for people; null when the domain is ours alone.</returns>
    public static string? SharedWithOvirt(StorageDomain domain, VolumeGroup group)
    {
        if (domain.Description.Pool is { } pool)
        {
            return $"it is attached to data center {pool} of oVirt";
        }
        // One commit of ours makes all special volumes; where `spm` came later, or is not there, another program made the domain.
        return group.Find(SpecialVolumes.Spm.Name)?.CreationTime is { } ours && group.Find(SpecialVolumes.Metadata.Name)?.CreationTime is { } theirs
            && (ours - theirs).Duration() <= OneMoment
            ? null : "oVirt made it";
    }
}
