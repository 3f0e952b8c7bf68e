using OvirtSpm.Leases;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.LeaseService;

/// <summary>R29: sectors of one lease that cannot be believed, and what may be written over them once their hosts are proven free or dead.</summary>
/// <remarks>
/// While such a sector stands there nobody can take the lease, we and sanlock alike, so nothing changes between the look and the write.
/// A vote that is wiped may have been the only copy of a decision; but whoever learned of it wrote the leader, and its host cannot learn
/// any more. A new leader says free, in the highest version that any vote knows: versions never go back.
/// </remarks>
sealed class LeaseRepair(PoolDomain domain, ILeaseArea area, long offset, string name, TimeProvider bootClock)
{
    /// <param name="Hosts">Whose end must be proven before.</param>
    public sealed record Fault(string Where, RecordError Error, long OffsetBytes, IReadOnlyList<int> Hosts, byte[] Before, byte[] After);

    /// <summary>Reads only.</summary>
    /// <exception cref="Refusal">What lies there is not damage but somebody else's.</exception>
    public async Task<IReadOnlyList<Fault>> FindAsync()
    {
        var geometry = domain.Geometry;
        var image = new byte[geometry.AlignBytes];
        await area.ReadAsync(offset, image);
        var view = await LeaseDump.ResourceAsync(area, offset, geometry);
        var faults = view.Votes.Where(vote => vote.Error != RecordError.None).Select(vote => Of(
            $"vote of host id {vote.HostId}", vote.Error, vote.OffsetBytes, [vote.HostId], new byte[geometry.SectorSize])).ToList();
        switch (view.LeaderError)
        {
            case RecordError.None when !view.Leader!.Lockspace.Means(LeaseName.Of(domain.Lockspace)) || !view.Leader.Resource.Means(LeaseName.Of(name)):
                throw Refusal.Conflict($"at {offset} lies the lease '{view.Leader.Resource}' of lockspace '{view.Leader.Lockspace}', not '{name}': nothing is damaged, it is somebody else's. See 'spm lease rebuild-index'.");
            case RecordError.None:
                break;
            case RecordError.WrongChecksum or RecordError.WrongMagic:
                var version = view.Votes.Where(vote => vote.Error == RecordError.None).Select(vote => vote.Vote.LeaseVersion).DefaultIfEmpty().Max();
                // The owner voted for itself in the leader's version or the one before a ballot that goes on; a sharer says so in its sector.
                int[] hosts = [.. view.Votes.Where(vote => vote.Error != RecordError.None || vote.Mode.IsShared || vote.Vote.LeaseVersion + 1 >= version).Select(vote => vote.HostId)];
                faults.Add(Of("leader", view.LeaderError, 0, hosts, ResourceFormat.FreeLeader(geometry, domain.Lockspace, name, version)));
                break;
            default:
                throw Refusal.Damaged($"the leader of '{name}' is not damaged in a way that can be repaired: {view.LeaderError.Explain()}.");
        }
        return faults;

        Fault Of(string where, RecordError error, long at, IReadOnlyList<int> hosts, byte[] after) =>
            new(where, error, at, hosts, image[(int)at..((int)at + geometry.SectorSize)], after);
    }

    /// <summary>Who of these holds its host id now.</summary>
    public async Task<IReadOnlyList<HostHolder>> HoldersAsync(IReadOnlyList<int> hosts)
    {
        var size = domain.Lun.SectorSize;
        var sector = new byte[size];
        var held = new List<HostHolder>();
        foreach (var host in hosts)
        {
            await domain.Ids.ReadAsync(domain.Geometry.HostIdOffset(host), sector);
            var error = LeaderRecord.TryParse(LeaderKind.HostId, sector, out var lease);
            if (error != RecordError.None || lease!.Timestamp != 0)
            {
                held.Add(new HostHolder(host, error, lease));
            }
        }
        return held;
    }

    /// <summary>Proves the end of everybody concerned, then writes, each sector only while it is what was found.</summary>
    /// <param name="wait">Watch hosts that hold their id until they are proven dead, instead of refusing.</param>
    /// <param name="self">Our own host id: whoever had it before is over, or we had not got it (R7).</param>
    /// <param name="mayWrite">Our host id holds.</param>
    public async Task WriteAsync(IReadOnlyList<Fault> faults, bool wait, int self, Func<bool> mayWrite, CancellationToken stop)
    {
        var held = await HoldersAsync([.. faults.SelectMany(fault => fault.Hosts).Where(host => host != self).Distinct()]);
        if (held.Count > 0 && !wait)
        {
            throw Refusal.Conflict($"{held[0].Name} holds its host id, so what is damaged may be its own. --wait repairs once it is proven dead, or stop that host.");
        }
        if (held.FirstOrDefault(holder => !Volumes.SpmVolume.SpmLayout.IsHost(holder.HostId)) is { } beyond)
        {
            throw Refusal.Conflict($"{beyond.Name} is beyond the host ids of this pool and cannot be watched. Stop that host.");
        }
        if (await new HostWatch(domain, bootClock).FindLivingAsync(held, stop) is { } living)
        {
            throw Refusal.Conflict($"{living.Name} lives or cannot be judged, so nothing of its is rewritten. Stop that host first.");
        }
        foreach (var fault in faults)
        {
            var now = new byte[domain.Lun.SectorSize];
            await area.ReadAsync(offset + fault.OffsetBytes, now);
            if (!now.AsSpan().SequenceEqual(fault.Before))
            {
                throw Refusal.Conflict($"the {fault.Where} of '{name}' changed meanwhile: somebody else is at work. Look again.");
            }
            if (!mayWrite())
            {
                throw Refusal.Unavailable("this verb lost its host id before everything was repaired. Run it again: it is harmless.");
            }
            await area.WriteAsync(offset + fault.OffsetBytes, fault.After);
        }
    }
}
