using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Simulation.Pool;

/// <summary>C9: nothing on the LUN names an owner that is not there. Looked at when all is healed and a while has passed.</summary>
internal static class GhostCheck
{
    /// <returns>Who is named and is not there; null when nobody is.</returns>
    public static string? Find(PoolWorld world)
    {
        var sector = new byte[world.Disk.SectorSize];
        world.Disk.Bytes.Read(world.SpmLeaseOffset, sector);
        if (LeaderRecord.TryParse(LeaderKind.Resource, sector, out var lease) != RecordError.None)
        {
            return "the SPM lease cannot be believed";
        }

        return lease!.OwnerId != (ulong)(world.Leader?.Id ?? 0)
            ? $"the SPM lease names host {lease.OwnerId}, the SPM is host {world.Leader?.Id}"
            : world.Hosts.Select(host => Find(world, host)).FirstOrDefault(ghost => ghost is not null);
    }

    private static string? Find(PoolWorld world, PoolHost host)
    {
        var place = HostActivations.Place(world.Domain.Layout, host.Id);
        var sectors = new byte[place.SizeBytes];
        world.Disk.Bytes.Read(world.Places.Spm + place.OffsetBytes, sectors);
        foreach (var (slot, mode) in HostActivations.Read(world.Domain.Layout, world.Domain.Superblock.Pool, host.Id, sectors).Active())
        {
            var volume = MetadataCheck.VolumesOf(world.Group).FirstOrDefault(lv => VolumeTags.Parse(lv.Tags, out _).Slot == slot);
            if (volume is null || host.Node?.Activator.Find(Guid.Parse(volume.Name)) is not { Export.IsClosed: false })
            {
                return $"the activation map of host {host.Id} has slot {slot} ({mode}, {volume?.Name ?? "no volume"}), which is not active there";
            }
        }

        return null;
    }
}
