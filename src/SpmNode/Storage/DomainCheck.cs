using OvirtSpm.Leases.OnDisk;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Volumes;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.SpmVolume;
using LeaseError = OvirtSpm.Leases.OnDisk.RecordError;

namespace OvirtSpm.Node.Storage;

sealed record Finding(bool Ok, string Place, string Text);

sealed record CheckReport(bool Ok, IReadOnlyList<Finding> Findings);

/// <summary>Reads everything on a LUN and says what cannot be believed, with the place. Changes nothing, guesses nothing.</summary>
static class DomainCheck
{
    public static async Task<CheckReport> RunAsync(ILun lun)
    {
        var findings = new List<Finding>();
        var read = await lun.ReadGroupAsync();
        foreach (var copy in read.Copies)
        {
            findings.Add(new(copy.State is CopyState.Current or CopyState.Ignored, "metadata", copy.Describe()));
        }
        if (read.Problem is { } problem)
        {
            findings.Add(new(false, "metadata", problem));
        }
        try
        {
            var domain = await StorageDomain.OpenAnyAsync(lun);
            var pool = domain as PoolDomain;
            findings.Add(new(true, "domain", $"{domain.Uuid}, version {domain.Description.Version}, {domain.Group.Version}{(pool is null ? "; made by oVirt, not adopted" : "")}"));
            if (domain.Group.SystemId is { Length: > 0 } system)
            {
                findings.Add(new(true, "guard", DomainGuard.Describe(domain, domain.Group).On ? "stock lvm2 refuses to change this domain" : $"stock lvm2 lets only the system '{system}' change this domain; that was not set here"));
            }
            findings.AddRange(domain.Devices.Missing().Select(device => new Finding(false, "device", $"{device} is not seen by this host")));
            if (pool is not null && pool.SuperblockError != OvirtSpm.Volumes.RecordError.None)
            {
                findings.Add(new(false, "spm", $"superblock, byte 0: {Explanation.Of(pool.SuperblockError)}; the second one at byte {SpmLayout.SuperblockCopyOffsetBytes} serves instead"));
            }
            if (SpaceTags.Parse(domain.Group.Tags).Wrong is { Count: > 0 } wrong)
            {
                findings.Add(new(false, "domain", $"tags {string.Join(", ", wrong)}: the most careful reading counts; 'spm domain set' writes them anew"));
            }
            await CheckOthersAsync(domain, findings);
            await CheckHostIdsAsync(domain, findings);
            await CheckLeaseAsync(domain, findings);
            if (pool is not null)
            {
                await CheckRecordsAsync(pool, findings);
                await CheckMapsAsync(pool, findings);
            }
            var view = await DomainView.ReadAsync(domain, domain.Group);
            foreach (var volume in view.Volumes)
            {
                findings.Add(volume.Problems.Count == 0
                    ? new(true, "volume", $"{volume.Name} in slot {volume.Tags.Slot}")
                    : new(false, "volume", $"{volume.Name}: {string.Join("; ", volume.Problems.Select(p => p.Text))}"));
            }
        }
        catch (Refusal refusal)
        {
            findings.Add(new(false, "domain", refusal.Message));
        }
        return new CheckReport(findings.All(f => f.Ok), findings);
    }

    /// <summary>A used area there would keep an older text than the first device, and stock lvm2 would complain of it.</summary>
    static async Task CheckOthersAsync(StorageDomain domain, List<Finding> findings)
    {
        foreach (var pv in domain.Group.PhysicalVolumes.Skip(1))
        {
            if (domain.Lun.Others.Metadata(pv.Uuid) is not { } area)
            {
                continue;
            }
            var used = (await MetadataReader.ReadAsync([area])).Copies.Where(copy => copy.State is not CopyState.Ignored).ToList();
            findings.Add(used.Count == 0
                ? new(true, "device", $"{area.Name}: {pv.SectionName} ({pv.Uuid}), its metadata areas ignored")
                : new(false, "device", $"{area.Name}: {used[0].Describe()}, but only the first device's areas are kept: pvchange --metadataignore y {area.Name}"));
        }
    }

    static async Task CheckHostIdsAsync(StorageDomain domain, List<Finding> findings)
    {
        var size = domain.Lun.SectorSize;
        var sectors = new byte[SpmLayout.Hosts * size];
        await domain.Ids.ReadAsync(0, sectors);
        var held = 0;
        for (var id = 1; id <= SpmLayout.Hosts; id++)
        {
            var error = LeaderRecord.TryParse(LeaderKind.HostId, sectors.AsSpan((id - 1) * size, size), out var lease);
            held += error == LeaseError.None && lease!.Timestamp != 0 ? 1 : 0;
            if (error != LeaseError.None || lease!.Lockspace.ToString() != domain.Lockspace)
            {
                findings.Add(new(false, "ids", $"host id {id}, byte {(id - 1) * size}: {(error == LeaseError.None ? $"belongs to lockspace {lease!.Lockspace}" : error)}; nobody can join with it"));
            }
        }
        findings.Add(new(true, "ids", $"{held} host ids held"));
    }

    static async Task CheckLeaseAsync(StorageDomain domain, List<Finding> findings)
    {
        var size = domain.Lun.SectorSize;
        var area = new byte[(2 + SpmLayout.Hosts) * size];
        await domain.Leases.ReadAsync(domain.SpmLeaseOffset, area);
        var error = LeaderRecord.TryParse(LeaderKind.Resource, area.AsSpan(0, size), out var leader);
        findings.Add(error == LeaseError.None
            ? new(true, "leases", $"SPM lease: version {leader!.LeaseVersion}, {(leader.Timestamp == 0 ? "free" : $"held by host id {leader.OwnerId} generation {leader.OwnerGeneration}")}")
            : new(false, "leases", $"SPM lease, leader at byte {domain.SpmLeaseOffset}: {error}; nobody can become SPM"));
        for (var id = 1; id <= SpmLayout.Hosts; id++)
        {
            if (BallotBlock.TryParse(area.AsSpan((id + 1) * size, size), id, domain.Geometry.MaxHosts, out _) is var vote and not LeaseError.None)
            {
                findings.Add(new(false, "leases", $"SPM lease, vote of host id {id} at byte {domain.SpmLeaseOffset + (long)(id + 1) * size}: {vote}; ballots end here (R29)"));
            }
        }
    }

    static async Task CheckRecordsAsync(PoolDomain domain, List<Finding> findings)
    {
        foreach (var pair in await new HostRecordStore(domain).ReadAllAsync())
        {
            if (pair.Reading(pair.Newest?.Generation ?? 0) is HostRecordReading.Unreadable bad)
            {
                findings.Add(new(false, "spm", $"host record of id {pair.Host}: {Explanation.Of(bad.First)}; {Explanation.Of(bad.Second)}"));
            }
        }
    }

    static async Task CheckMapsAsync(PoolDomain domain, List<Finding> findings)
    {
        foreach (var host in (await ActivationMaps.ReadAllAsync(domain)).Unreadable)
        {
            foreach (var (part, at) in host.Parts.Select((part, at) => (part, at)).Where(p => p.part.Sector is null))
            {
                findings.Add(new(false, "spm",
                    $"activation map of host id {host.Host}, byte {domain.Layout.MapOffsetBytes(host.Host, at)}: {Explanation.Of(part.Error)}; every volume counts as in use, nothing is deleted"));
            }
        }
    }
}
