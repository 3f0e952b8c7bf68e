using System.Globalization;
using System.Text.Json;

namespace OvirtSpm.Node.Demo.Verification;

/// <summary>What stock lvm2 reads on a device. Sizes and offsets are bytes.</summary>
/// <param name="Complaints">Every line lvm2 printed on stderr beyond what it says of any volume group on this machine.</param>
sealed record LvmReport(
    long FirstExtentAt, long ExtentBytes, IReadOnlyList<string> GroupTags, IReadOnlyDictionary<string, LvmVolume> Volumes, string Complaints)
{
    /// <summary>Where a volume's first byte is on the device.</summary>
    public long OffsetOf(string volume) => FirstExtentAt + Volumes[volume].FirstExtent * ExtentBytes;

    /// <param name="lvs">The output of <see cref="Lvm.ListVolumes"/>.</param>
    /// <param name="pvs">The output of <see cref="Lvm.ListDevices"/>.</param>
    /// <exception cref="Refusal">Not what lvm2 2.03 prints.</exception>
    public static LvmReport Parse(ToolOutcome lvs, ToolOutcome pvs)
    {
        try
        {
            var device = Rows(pvs.Output, "pv").First();
            var volumes = new Dictionary<string, LvmVolume>();
            IReadOnlyList<string> groupTags = [];
            foreach (var row in Rows(lvs.Output, "seg"))
            {
                groupTags = Tags(row, "vg_tags");
                // One row for each segment: the first extent of a volume is that of the segment that begins at 0.
                if (Number(row, "seg_start_pe") == 0)
                {
                    volumes[Text(row, "lv_name")] = new(Number(row, "lv_size"), Tags(row, "lv_tags"), FirstExtentOf(Text(row, "seg_pe_ranges")));
                }
            }
            return new(Number(device, "pe_start"), Number(device, "vg_extent_size"), groupTags, volumes, Lvm.Complaints(lvs, pvs));
        }
        catch (Exception wrong) when (wrong is JsonException or KeyNotFoundException or InvalidOperationException or FormatException or OverflowException)
        {
            throw Refusal.Damaged($"lvm2 reported something unexpected ({wrong.Message}): {lvs.Excerpt} {pvs.Excerpt}");
        }
    }

    static IEnumerable<JsonElement> Rows(string json, string kind) =>
        JsonDocument.Parse(json).RootElement.GetProperty("report").EnumerateArray().SelectMany(report => report.GetProperty(kind).EnumerateArray());

    static string Text(JsonElement row, string column) => row.GetProperty(column).GetString() ?? "";

    static long Number(JsonElement row, string column) => long.Parse(Text(row, column), CultureInfo.InvariantCulture);

    static string[] Tags(JsonElement row, string column) => Text(row, column).Split(',', StringSplitOptions.RemoveEmptyEntries);

    /// <param name="ranges"><c>/dev/loop0:12-15</c></param>
    static long FirstExtentOf(string ranges)
    {
        var range = ranges.Split(' ')[0];
        return long.Parse(range[(range.LastIndexOf(':') + 1)..].Split('-')[0], CultureInfo.InvariantCulture);
    }
}

/// <param name="FirstExtent">Number of the extent that holds the volume's first byte.</param>
sealed record LvmVolume(long SizeBytes, IReadOnlyList<string> Tags, long FirstExtent);
