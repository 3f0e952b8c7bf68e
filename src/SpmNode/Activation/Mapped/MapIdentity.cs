using OvirtSpm.LvmMetadata.Mapping;
using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.Node.Activation.Mapped;

/// <summary>What the kernel and LVM know a volume's map by.</summary>
internal sealed record MapIdentity(string Uuid, string Name, string Group, string Volume)
{
    public static MapIdentity Of(VolumeGroup group, LogicalVolume volume) =>
        new(LvmDeviceName.UuidOf(group.Uuid, volume.Uuid), LvmDeviceName.Of(group.Name, volume.Name), group.Name, volume.Name);
}
