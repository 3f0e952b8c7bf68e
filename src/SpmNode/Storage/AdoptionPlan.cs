using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Storage;

/// <summary>What adopting a domain of oVirt adds to it, all of it in one commit, or why that cannot be. Nothing else of it changes.</summary>
/// <param name="Place">The free extent that becomes the volume <c>spm</c>.</param>
/// <param name="OffsetBytes">Where that is on the LUN.</param>
/// <param name="Notes">What a person should know before it is done.</param>
sealed record AdoptionPlan(StorageDomain Domain, Placement Place, long OffsetBytes, ImmutableArray<string> Tags, ImmutableArray<string> Notes)
{
    /// <exception cref="Refusal">It cannot be adopted as it is.</exception>
    public static async Task<AdoptionPlan> MakeAsync(StorageDomain domain, AdoptionOptions options)
    {
        if (options.IoTimeoutSeconds is < 1 or > 255 || options.WatchdogTimeoutSeconds is < 0 or > 3600)
        {
            throw Refusal.Invalid("the io timeout must be 1 to 255 s and the watchdog timeout 0 to 3600 s; 10 and 60 are oVirt's.");
        }
        var (group, what) = (domain.Group, $"{domain.Lun.Path}: domain {domain.Uuid} is not adopted");
        if (domain.Description.Version != DomainLimits.Version)
        {
            throw Refusal.Conflict($"{what}: it is of version {domain.Description.Version}. Upgrade it to version {DomainLimits.Version} in oVirt first; until then it can be read.");
        }
        if (group.ExtentSizeBytes != DomainLimits.ExtentBytes)
        {
            throw Refusal.Conflict($"{what}: its extents have {group.ExtentSizeBytes} bytes, oVirt's have {DomainLimits.ExtentBytes}: somebody else made it. Nothing is guessed.");
        }
        if (group.Tags.FirstOrDefault(PoolTags.IsOurs) is { } ours)
        {
            // Its maps and its journal are lost with the volume: hosts of ours may still have volumes active.
            throw Refusal.Damaged($"{what}: its tag {ours} says that it was adopted before, and the volume 'spm' is gone. Bring it back with 'spm metadata restore'; or, when no host serves a volume of it, take our tags away with vgchange --deltag.");
        }
        var read = await domain.Lun.ReadGroupAsync();
        if (read.WriteProblem is { } problem)
        {
            throw Refusal.Conflict($"{what}: {problem}.");
        }
        if (read.Copies.Count(copy => copy.State is not CopyState.Ignored) < 2)
        {
            throw Refusal.Conflict($"{what}: writing needs two used metadata copies on its device (R5). oVirt makes two: switch them on with pvchange --metadataignore n.");
        }
        // On the first device, like the leases: the other devices carry nothing but extents of volumes.
        var trial = new VolumeGroupDraft(group, pv => pv.Index == 0);
        switch (trial.CreateLinear(SpecialVolumes.Spm.Name, LvmUuid.FromRandomBytes(new byte[LvmUuid.Length]), 1, [], DateTimeOffset.UnixEpoch, "plan"))
        {
            case EditOutcome.Done:
                break;
            case EditOutcome.NoSpace:
                throw Refusal.NoSpace($"{what}: the volume 'spm' needs one free extent of {DomainLimits.ExtentBytes >> 20} MiB on its first device, and there is none. Delete a volume in oVirt first.");
            case var other:
                throw Refusal.Conflict($"{what}: {(other is EditOutcome.Refused refused ? refused.Reason : $"{other}")}.");
        }
        var place = trial.Find(SpecialVolumes.Spm.Name)!.Segments[0].Areas[0];
        var pool = new PoolTags(0, options.IoTimeoutSeconds, options.WatchdogTimeoutSeconds, NotForOvirt: false);
        return new AdoptionPlan(
            domain, new Placement(place.PvIndex, place.StartExtent), group.PhysicalVolumes[0].ExtentStartBytes + (place.StartExtent * group.ExtentSizeBytes),
            pool.ToTagsWithoutEpoch(), [.. Warnings(domain)]);
    }

    static IEnumerable<string> Warnings(StorageDomain domain)
    {
        if (domain.Description.Pool is { } pool)
        {
            yield return $"it is attached to data center {pool} of oVirt: put it into maintenance and detach it there. While one of oVirt's hosts is in it, no host of ours leads it (R23).";
        }
        var unfinished = domain.Group.LogicalVolumes.Where(lv => !SpecialVolumes.IsSpecial(lv.Name))
            .Count(lv => VolumeTags.Parse(lv.Tags, out _) is { Initializing: true } or { Removal: not RemovalMark.None });
        if (unfinished > 0)
        {
            yield return $"{unfinished} volumes are half made or half removed by oVirt; they stay as they are, 'spm domain check' names them.";
        }
    }
}
