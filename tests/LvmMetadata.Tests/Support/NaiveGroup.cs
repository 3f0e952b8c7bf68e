using System.Text;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;

namespace LvmMetadata.Tests.Support;

/// <summary>Every extent as one array element: the obvious, slow way to know who owns what.</summary>
public sealed class NaiveGroup(VolumeGroup group)
{
    private Dictionary<string, string> last = Describe(group.LogicalVolumes);

    /// <summary>After a change that was done: nothing is owned twice, growth keeps its beginning, the free count is right.</summary>
    public void Check(VolumeGroupDraft draft)
    {
        var built = draft.Build(draft.From.Seqno + 1, 3, TestClock.Now, "", "");
        Assert.Equal(draft.FreeExtents, FreeByCounting(built));
        var now = Describe(built.LogicalVolumes);
        foreach (var (name, extents) in now)
        {
            if (last.TryGetValue(name, out var before))
            {
                Assert.True(extents.StartsWith(before, StringComparison.Ordinal) || before.StartsWith(extents, StringComparison.Ordinal));
            }
        }
    }

    public void Remember(VolumeGroupDraft draft) => last = Describe(draft.Build(draft.From.Seqno + 1, 3, TestClock.Now, "", "").LogicalVolumes);

    /// <summary>The text says what the values say, and lvm2 would take it.</summary>
    public void CheckText(VolumeGroup built)
    {
        Assert.Null(VolumeGroup.TryParse(Lab.TextOf(built), out var reread));
        CheckSame(built, reread!);
        foreach (var volume in reread!.LogicalVolumes)
        {
            Assert.Equal(volume.Name, built.Find(volume.Name)!.Name);
            if (volume.IsLinear)
            {
                Assert.Equal(Encoding.ASCII.GetString(LinearText.Format(volume)), Encoding.ASCII.GetString(volume.Text.Block.Span));
            }
        }
    }

    /// <summary>What was read back of a text of ours is what was meant.</summary>
    public static void CheckSame(VolumeGroup built, VolumeGroup reread)
    {
        Assert.Null(reread.WriteRefusal);
        Assert.True(reread.HasTripwire);
        Assert.Equal(Describe(built.LogicalVolumes), Describe(reread.LogicalVolumes));
        Assert.Equal(built.FreeExtents, reread.FreeExtents);
        Assert.Equal(built.Interior.Free.Runs, reread.Interior.Free.Runs);
        Assert.Equal(built.Interior.BlockBytes, reread.Interior.BlockBytes);
        Assert.Equal(built.LogicalVolumes.Select(Values), reread.LogicalVolumes.Select(Values));
    }

    private static string Values(LogicalVolume volume) =>
        $"{volume.Name} {volume.Uuid} {volume.SizeBytes} {string.Join(',', volume.Tags)} {volume.CreationTime} {volume.CreationHost} {volume.IsVisible}";

    private static long FreeByCounting(VolumeGroup built)
    {
        var owners = built.PhysicalVolumes.Select(pv => new string?[pv.ExtentCount]).ToArray();
        foreach (var volume in built.LogicalVolumes)
        {
            foreach (var segment in volume.Segments)
            {
                foreach (var area in segment.Areas.Where(area => area.PvIndex >= 0))
                {
                    for (var i = 0; i < segment.ExtentCount / segment.StripeCount; i++)
                    {
                        Assert.Null(owners[area.PvIndex][area.StartExtent + i]);
                        owners[area.PvIndex][area.StartExtent + i] = volume.Name;
                    }
                }
            }
        }
        return built.PhysicalVolumes.Where(pv => pv.IsAllocatable).Sum(pv => owners[pv.Index].Count(owner => owner is null));
    }

    private static Dictionary<string, string> Describe(IEnumerable<LogicalVolume> volumes) => volumes.ToDictionary(volume => volume.Name, volume =>
    {
        var text = new StringBuilder();
        foreach (var segment in volume.Segments)
        {
            for (var i = 0; i < segment.ExtentCount && segment.IsLinear; i++)
            {
                text.Append(segment.Areas[0].PvIndex).Append(':').Append(segment.Areas[0].StartExtent + i).Append(' ');
            }
        }
        return text.ToString();
    });
}
