using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Text;

namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>A linear volume in lvm2's own words, byte for byte as lvm2 2.03.16 writes it.</summary>
internal static class LinearText
{
    /// <param name="volume">Its kept bytes are not looked at.</param>
    public static byte[] Format(LogicalVolume volume)
    {
        var text = new ConfigWriter().Raw("\n\n"u8).Raw(volume.Name).Raw(" {\nid = \""u8).Raw(volume.Uuid.ToString())
            .Raw("\"\nstatus = "u8).QuotedList(volume.Status).Raw("\nflags = "u8).QuotedList(volume.Flags);
        if (!volume.Tags.IsEmpty)
        {
            text.Raw("\ntags = "u8).QuotedList(volume.Tags);
        }
        if (volume.CreationTime is { } created)
        {
            text.Raw("\ncreation_time = "u8).Number(created.ToUnixTimeSeconds()).Raw("\ncreation_host = "u8).Quoted(volume.CreationHost ?? "");
        }
        text.Raw("\nsegment_count = "u8).Number(volume.Segments.Length).Raw("\n"u8);
        for (var i = 0; i < volume.Segments.Length; i++)
        {
            AppendSegment(text.Raw("\n"u8), i + 1, volume.Segments[i]);
        }
        return text.Raw("\n}"u8).ToArray();
    }

    public static void AppendSegment(ConfigWriter text, int number, LvSegment segment) => text
        .Raw("segment"u8).Number(number).Raw(" {\nstart_extent = "u8).Number(segment.StartExtent)
        .Raw("\nextent_count = "u8).Number(segment.ExtentCount)
        .Raw("\n\ntype = \"striped\"\nstripe_count = 1\n\nstripes = [\n\""u8).Raw(segment.Areas[0].Name).Raw("\", "u8)
        .Number(segment.Areas[0].StartExtent).Raw("\n]\n}"u8);
}
