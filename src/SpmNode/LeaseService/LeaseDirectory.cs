using OvirtSpm.Leases;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Xleases;

namespace OvirtSpm.Node.LeaseService;

/// <summary>The leases that users named, found by oVirt's index in the volume <c>xleases</c>. Reads only.</summary>
sealed class LeaseDirectory(PoolDomain domain)
{
    /// <summary>Where a lease lies in the volume <c>xleases</c>.</summary>
    /// <exception cref="Refusal">No such lease, or an index that cannot be believed.</exception>
    public async Task<long> FindAsync(string name) => XleasesLayout.LeaseOffsetBytes(Find(await IndexAsync(), name));

    /// <exception cref="Refusal">The index cannot be believed.</exception>
    public async Task<XleasesIndex> IndexAsync()
    {
        var index = await LeaseIndexStore.ReadAsync(domain);
        return index.Error == XleasesError.None
            ? index
            : throw Refusal.Damaged($"{domain.Lun.Path}: leases cannot be found by name: {LeaseIndexStore.Explain(index.Error)}.");
    }

    public static int Find(XleasesIndex index, string name)
    {
        if (index.Find(name) is not { } number)
        {
            throw Refusal.NotFound($"there is no lease '{name}'. 'spm lease list' shows those there are, 'spm lease create --name {name}' makes it.");
        }
        return index[number].Record is { IsUpdating: false }
            ? number
            : throw Refusal.Damaged($"making or removing the lease '{name}' did not end; 'spm lease rebuild-index' finds out what there is.");
    }

    public async Task<IReadOnlyList<LeaseReply>> ListAsync()
    {
        var index = await IndexAsync();
        var records = await new HostRecordStore(domain).ReadAllAsync();
        var leases = new List<LeaseReply>();
        for (var number = 0; number < XleasesLayout.Capacity(domain.ExternalLeases.SizeBytes); number++)
        {
            var (error, record) = index[number];
            if (record is { IsFree: true })
            {
                continue;
            }
            leases.Add(record is null
                ? new LeaseReply("?", XleasesLayout.LeaseOffsetBytes(number), "damaged", null, null, null, null, $"record {number} of the index is not believed: {error}; 'spm lease rebuild-index' makes it anew")
                : await DescribeAsync(record, number, (id, generation) => records[id - 1].Reading(generation) is Volumes.SpmVolume.HostRecordReading.Usable { Record: var host } ? host.Name : null));
        }
        return leases;
    }

    async Task<LeaseReply> DescribeAsync(XleasesRecord record, int number, Func<int, ulong, string?> nameOf)
    {
        var offset = XleasesLayout.LeaseOffsetBytes(number);
        if (record.IsUpdating)
        {
            return new LeaseReply(record.Name, offset, "updating", null, null, null, null, "making or removing it did not end; 'spm lease rebuild-index' finds out what there is");
        }
        var view = await LeaseDump.ResourceAsync(domain.ExternalLeases, offset, domain.Geometry);
        if (view.LeaderError != RecordError.None || view.Leader is not { } leader || !leader.Resource.Means(OvirtSpm.Leases.OnDisk.LeaseName.Of(record.Name)))
        {
            return new LeaseReply(record.Name, offset, "damaged", null, null, null, null,
                view.LeaderError == RecordError.None ? $"another lease lies there: '{view.Leader?.Resource}'" : view.LeaderError.Explain());
        }
        var owner = (int)leader.OwnerId;
        var released = leader.Timestamp == 0
            || leader.WriteId != leader.OwnerId && view.Votes.Any(vote => vote.HostId == owner && vote.Error == RecordError.None && vote.Vote.IsReleased);
        var sharers = view.Votes.Where(vote => vote.Mode.IsShared).ToList();
        var problem = view.Votes.FirstOrDefault(vote => vote.Error != RecordError.None) is { } bad
            ? $"the vote of host id {bad.HostId} cannot be believed ({bad.Error}), so nobody can take it; 'spm lease repair' rewrites it" : null;
        return released
            ? new LeaseReply(record.Name, offset, sharers.Count > 0 ? "shared" : "free", null, null, null, leader.LeaseVersion, problem)
            : new LeaseReply(record.Name, offset, "held", owner, leader.OwnerGeneration, owner is >= 1 and <= 250 ? nameOf(owner, leader.OwnerGeneration) : null, leader.LeaseVersion, problem);
    }
}
