using OvirtSpm.Leases;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Node.Pool.Garbage;
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

    /// <summary>Frees a record whose lease is not there.</summary>
    /// <returns>False when the record, or what lies there, is another by now.</returns>
    public async Task<bool> FreeRecordAsync(int number, string name)
    {
        var index = await new LeaseDirectory(domain).IndexAsync();
        if (index[number].Record?.Name != name
            || (await GarbageFacts.LeaseAsync(domain, domain.ExternalLeases, XleasesLayout.LeaseOffsetBytes(number))).Fact != LeaseFact.None)
        {
            return false;
        }
        await LeaseIndexStore.WriteRecordAsync(area, index, number, XleasesRecord.Free);
        return true;
    }

    /// <summary>The index from the leases that are there.</summary>
    /// <exception cref="Refusal">A lease cannot be believed and no record names it: its place would be given to another.</exception>
    public async Task<RebuiltIndex> RebuildAsync()
    {
        var old = await LeaseIndexStore.ReadAsync(domain);
        var sector = new byte[domain.Lun.SectorSize];
        var records = new SortedDictionary<int, XleasesRecord>();
        var unnamed = new List<Refusal>();
        for (var number = 0; number < XleasesLayout.Capacity(domain.ExternalLeases.SizeBytes); number++)
        {
            var offset = XleasesLayout.LeaseOffsetBytes(number);
            await domain.ExternalLeases.ReadAsync(offset, sector);
            var error = LeaderRecord.TryParse(LeaderKind.Resource, sector, out var leader);
            if (error is RecordError.WrongMagic or RecordError.Cleared || (error == RecordError.None && !leader!.Lockspace.Means(LeaseName.Of(domain.Lockspace))))
            {
                continue;
            }
            if (error != RecordError.None)
            {
                records.Add(number, old[number].Record switch
                {
                    { IsFree: false } known when known == XleasesRecord.Keeping(number) => known,
                    { IsFree: false } known => XleasesRecord.Of(known.Name, number),
                    _ => throw Refusal.Damaged(
                        $"the index was not changed: what lies at {offset} of the volume 'xleases' is a lease that cannot be believed: {error.Explain()}."),
                });
                continue;
            }
            var name = leader!.Resource.ToString();
            if (name.Length == 0)
            {
                continue;
            }
            if (XleasesRecord.CanName(name) && leader.Resource.Means(LeaseName.Of(name)))
            {
                records.Add(number, XleasesRecord.Of(name, number));
                continue;
            }
            records.Add(number, XleasesRecord.Keeping(number));
            unnamed.Add(Refusal.Damaged(
                $"the lease '{name}' at {offset} of the volume 'xleases' has a name that cannot stand in the index; nobody finds it by name, and its place is kept. Remove it with the program that made it."));
        }
        if (records.Values.GroupBy(record => record.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw Refusal.Damaged($"the index was not changed: two leases are named '{twice.Key}'. Remove one of them with the program that made it.");
        }
        await LeaseIndexStore.WriteWholeAsync(area, domain.Lockspace, wallClock.GetUtcNow(), records);
        return new RebuiltIndex([.. records.Values.Where(record => !record.IsUpdating).Select(record => record.Name)], unnamed);
    }
}
