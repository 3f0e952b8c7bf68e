using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>A volume that did not exist before.</summary>
internal static class NewLinearVolume
{
    private static readonly ImmutableArray<string> Writable = ["READ", "WRITE", "VISIBLE"];
    private static readonly ImmutableArray<string> WritableLocked = ["READ", "VISIBLE"];

    public static LogicalVolume Make(
        VolumeGroup group, ImmutableArray<PhysicalVolume> pvs, string name, LvmUuid id, List<ExtentRun> runs, ImmutableArray<string> tags, DateTimeOffset createdAt, string host, int ordinal)
    {
        var segments = ImmutableArray.CreateBuilder<LvSegment>(runs.Count);
        long start = 0;
        foreach (var run in runs)
        {
            segments.Add(LogicalVolumeEdit.NewSegment(start, run, pvs));
            start += run.Length;
        }
        // In a group with a system id lvm2 hides WRITE from old tools, in every volume too.
        var locked = group.Flags.Contains("WRITE_LOCKED");
        var volume = new LogicalVolume(name, id, segments.MoveToImmutable(), default)
        {
            SizeBytes = start * group.ExtentSizeBytes,
            Status = locked ? WritableLocked : Writable,
            Flags = locked ? ["WRITE_LOCKED"] : [],
            Tags = tags,
            CreationTime = DateTimeOffset.FromUnixTimeSeconds(createdAt.ToUnixTimeSeconds()),
            CreationHost = Printable(host),
        };
        return volume.With(new LogicalVolumeText(LinearText.Format(volume), ordinal));
    }

    private static string Printable(string host) =>
        host.Length is > 0 and <= 255 && host.All(c => c is > ' ' and <= '~') ? host : "unknown";
}
