using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Cluster;

/// <summary>How one SPM describes what leaves to another, and how that one reads it: nothing of it is believed unseen.</summary>
static class DepartingChain
{
    public static DepartingVolumeReply Describe(MovedVolume volume)
    {
        var text = new byte[SlotGeometry.TextBytes];
        return volume.Slot.Write(text) is var error && error == SlotError.None
            ? new DepartingVolumeReply(volume.Uuid, volume.AllocatedBytes, text)
            : throw Refusal.Conflict($"what is said of volume {volume.Name} cannot be written again: {error}.");
    }

    /// <exception cref="Refusal">It is no whole chain of volumes.</exception>
    public static IReadOnlyList<MovedVolume> Read(DepartureReply reply)
    {
        var volumes = reply.Volumes is { Count: > 0 and <= ImageChain.LongestChain } some ? some.Select(Read).ToList() : throw Wrong("it has no volumes, or too many");
        for (var index = 0; index < volumes.Count; index++)
        {
            var (volume, below) = (volumes[index], index + 1 < volumes.Count ? volumes[index + 1].Uuid : Guid.Empty);
            if (volume.Uuid == Guid.Empty || volume.Slot.Parent != below)
            {
                throw Wrong($"volume {volume.Name} is not made on {below}");
            }
            if (reply.ExtentBytes <= 0 || volume.AllocatedBytes <= 0 || volume.AllocatedBytes % reply.ExtentBytes != 0 || volume.AllocatedBytes > MostBytes)
            {
                throw Wrong($"volume {volume.Name} has {volume.AllocatedBytes} bytes in extents of {reply.ExtentBytes}");
            }
        }
        return volumes;
    }

    /// <summary>No LV is larger than a thin one of the largest disk.</summary>
    const long MostBytes = 2 * DomainLimits.LargestDiskBytes;

    static MovedVolume Read(DepartingVolumeReply volume) => volume is { Slot.Length: SlotGeometry.TextBytes } && VolumeSlot.TryParse(volume.Slot, out var slot) == SlotError.None
        ? new MovedVolume(volume.Volume, volume.AllocatedBytes, slot!)
        : throw Wrong($"what is said of volume {volume?.Volume} cannot be read");

    static Refusal Wrong(string why) => Refusal.Unavailable($"the other pool's SPM answered something that is no chain of volumes: {why}. Nothing was copied.");
}
