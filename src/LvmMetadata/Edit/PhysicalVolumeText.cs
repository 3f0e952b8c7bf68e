using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Text;

namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>A physical volume's section, in lvm2's own words.</summary>
internal static class PhysicalVolumeText
{
    public static ConfigWriter Append(ConfigWriter text, PhysicalVolume pv) =>
        text.Raw("\n"u8).Raw(pv.SectionName).Raw(" {\nid = \""u8).Raw(pv.Uuid.ToString()).Raw("\"\ndevice = "u8).Quoted(pv.DeviceHint)
            .Raw("\n\nstatus = [\"ALLOCATABLE\"]\nflags = []\ndev_size = "u8).Number(pv.DeviceSizeBytes!.Value / 512)
            .Raw("\npe_start = "u8).Number(pv.ExtentStartBytes / 512).Raw("\npe_count = "u8).Number(pv.ExtentCount).Raw("\n}"u8);
}
