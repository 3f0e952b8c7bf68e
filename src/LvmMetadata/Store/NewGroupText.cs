using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Text;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>The first text of a group without volumes, in lvm2's own words.</summary>
internal static class NewGroupText
{
    public static byte[] Format(VgCreateOptions options, PvLayout layout, long deviceBytes, DateTimeOffset when, string host)
    {
        var tags = options.Tags.Distinct().ToList();
        if (options.Epoch is { } epoch)
        {
            tags.Add(EpochTag.For(epoch));
        }
        var text = new ConfigWriter().Raw(options.Name).Raw(" {\nid = \""u8).Raw(options.VgUuid.ToString())
            .Raw("\"\nseqno = 1\nformat = \"lvm2\"\nstatus = [\"RESIZEABLE\", \"READ\", \"WRITE\"]\nflags = "u8)
            .QuotedList(options.NoAutoActivation ? ["NOAUTOACTIVATE"] : []);
        if (tags.Count > 0)
        {
            text.Raw("\ntags = "u8).QuotedList(tags);
        }
        text.Raw("\nextent_size = "u8).Number(options.ExtentSizeBytes / 512).Raw("\nmax_lv = 0\nmax_pv = 0\nmetadata_copies = 0"u8);
        if (options.Epoch is { } tripwire)
        {
            text.Raw("\nspm_epoch = "u8).Number((long)tripwire);
        }
        return text.Raw("\n\nphysical_volumes {\n\npv0 {\nid = \""u8).Raw(options.PvUuid.ToString())
            .Raw("\"\ndevice = "u8).Quoted(options.DeviceHint)
            .Raw("\n\nstatus = [\"ALLOCATABLE\"]\nflags = []\ndev_size = "u8).Number(deviceBytes / 512)
            .Raw("\npe_start = "u8).Number(layout.ExtentStartBytes / 512).Raw("\npe_count = "u8).Number(layout.ExtentCount)
            .Raw("\n}\n}\n\n\n}"u8).Raw(TrailerText.Format(when, "create the volume group", host, default))
            .ToArray();
    }
}
