using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>A volume as the domain that it leaves describes it to the one that it goes to.</summary>
sealed record MovedVolume(Guid Uuid, long AllocatedBytes, VolumeSlot Slot)
{
    public string Name => Uuid.ToString();

    /// <exception cref="Refusal">Its slot cannot be believed.</exception>
    public static MovedVolume Of(VolumeInfo volume) => new(
        volume.Uuid, volume.AllocatedBytes, volume.Slot ?? throw Refusal.Conflict($"volume {volume.Name} has no slot that can be believed."));
}
