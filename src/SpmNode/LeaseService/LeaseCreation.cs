using OvirtSpm.Leases;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Xleases;

namespace OvirtSpm.Node.LeaseService;

/// <summary>Makes named leases, and the index anew: the SPM's work, under its fence, one at a time.</summary>
/// <remarks>
/// As oVirt does it: the record says "updating", the lease is written, the record says done. A crash in between leaves a lease that nobody
/// finds; the rebuild believes the leases, not the records.
/// </remarks>
sealed class LeaseCreation(PoolDomain domain, PoolFence fence, TimeProvider wallClock)
{
    readonly FencedArea area = new(domain.ExternalLeases, fence);

    public async Task<LeaseReply> CreateAsync(string name)
    {
        var index = await LeaseIndexStore.ReadAsync(domain);
        if (index.Error == XleasesError.Empty)
        {
            // A domain that was made before leases had names; nothing there could be lost.
            await RebuildAsync();
        }
        index = await new LeaseDirectory(domain).IndexAsync();
        if (index.Find(name) is { } there)
        {
            LeaseDirectory.Find(index, name);
            throw Refusal.Conflict($"there is a lease '{name}' already, at {XleasesLayout.LeaseOffsetBytes(there)} of the volume 'xleases'.");
        }
        var capacity = XleasesLayout.Capacity(domain.ExternalLeases.SizeBytes);
        var number = index.FindFree(capacity)
            ?? throw Refusal.NoSpace($"the volume 'xleases' has room for {capacity} leases, and all are taken.");
        await LeaseIndexStore.WriteRecordAsync(area, index, number, XleasesRecord.Of(name, number) with { IsUpdating = true });
        var offset = XleasesLayout.LeaseOffsetBytes(number);
        await ResourceFormat.InitialiseAsync(area, offset, domain.Geometry, domain.Lockspace, name);
        await LeaseIndexStore.WriteRecordAsync(area, index, number, XleasesRecord.Of(name, number));
        return new LeaseReply(name, offset, "free", null, null, null, 0, null);
    }

    /// <summary>The index from the leases that are there.</summary>
    /// <returns>The names found.</returns>
    /// <exception cref="Refusal">A lease cannot be believed and no record names it: its place would be given to another.</exception>
    public async Task<IReadOnlyList<string>> RebuildAsync()
    {
        var old = await LeaseIndexStore.ReadAsync(domain);
        var sector = new byte[domain.Lun.SectorSize];
        var names = new SortedDictionary<int, string>();
        for (var number = 0; number < XleasesLayout.Capacity(domain.ExternalLeases.SizeBytes); number++)
        {
            await domain.ExternalLeases.ReadAsync(XleasesLayout.LeaseOffsetBytes(number), sector);
            var error = LeaderRecord.TryParse(LeaderKind.Resource, sector, out var leader);
            var name = error switch
            {
                RecordError.None => leader!.Lockspace.Means(LeaseName.Of(domain.Lockspace)) ? leader.Resource.ToString() : "",
                RecordError.WrongMagic or RecordError.Cleared => "",
                _ => old[number].Record?.Name is { Length: > 0 } known ? known : throw Refusal.Damaged(
                    $"the index was not changed: what lies at {XleasesLayout.LeaseOffsetBytes(number)} of the volume 'xleases' is a lease that cannot be believed: {error.Explain()}."),
            };
            if (name.Length > 0)
            {
                names.Add(number, name);
            }
        }
        if (names.Values.GroupBy(name => name).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw Refusal.Damaged($"the index was not changed: two leases are named '{twice.Key}'. Remove one of them with the program that made it.");
        }
        await LeaseIndexStore.WriteWholeAsync(area, domain.Lockspace, wallClock.GetUtcNow(), names);
        return [.. names.Values];
    }
}
