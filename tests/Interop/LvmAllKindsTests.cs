using System.Text;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;

namespace OvirtSpm.Interop;

/// <summary>Stock lvm2 and we change linear volumes of a group in turn; volumes of every other kind stand between them and keep every byte.</summary>
public sealed class LvmAllKindsTests
{
    private const string Name = "kinds";

    [Fact]
    public Task Twenty_rounds_in_turn_lose_no_byte_of_volumes_of_any_kind() => RunAsync(seed: 5, rounds: 20);

    [Fact(Explicit = true)]
    public Task A_thousand_rounds_in_turn_lose_no_byte_of_volumes_of_any_kind() => RunAsync(seed: 6, rounds: 1000);

    private static async Task RunAsync(int seed, int rounds)
    {
        Assert.SkipWhen(LvmTool.Missing() is not null, LvmTool.Missing() ?? "");
        var random = new Random(seed);
        using var tool = LvmTool.AttachNew(16L << 30);
        var kinds = Make(tool, random);
        using var pv = new LvmFilePv(tool.Image);
        var opened = Assert.IsType<OpenOutcome.Opened>(await MetadataStore.OpenAsync([pv], TimeProvider.System, "host"));
        var store = opened.Store;
        var blocks = Blocks(kinds.Names, opened.Read);
        Assert.IsType<TakeOverOutcome.TakenOver>(await store.TakeOverAsync(new LvmGuard(1)));
        foreach (var name in kinds.Names)
        {
            // What is not understood is neither grown nor removed, whatever the caller believes it is.
            Assert.IsType<EditOutcome.Refused>(new VolumeGroupDraft(store.Current).Extend(name, 5000));
            Assert.IsType<EditOutcome.Refused>(new VolumeGroupDraft(store.Current).Remove(name));
        }
        for (var round = 0; round < rounds; round++)
        {
            Stock(tool, store.Current, random, round);
            Assert.NotNull(await store.ScrubAsync());
            var adopted = await store.AdoptForeignAsync(new LvmGuard(1), (_, _) => null);
            Assert.True(adopted is TakeOverOutcome.TakenOver, $"seed {seed}, round {round}: {adopted}");

            var draft = new VolumeGroupDraft(store.Current);
            Ours(draft, random, round);
            if (draft.HasChanges)
            {
                Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(draft, new LvmGuard(1), $"round {round}"));
            }
            Assert.Equal(blocks, Blocks(kinds.Names, await MetadataReader.ReadAsync([pv])));
            Assert.All(tool.MustRun("vgck", Name).Lines, line => Assert.Contains("Activation disabled", line));
        }
        Assert.Equal(
            tool.Report("lvs", "lv", "-a", "-o", "lv_name", Name).Select(lv => lv.GetProperty("lv_name").GetString()!.Trim('[', ']')).Order(StringComparer.Ordinal),
            store.Current.LogicalVolumes.Select(volume => volume.Name).Where(name => name != "snapshot0").Order(StringComparer.Ordinal));
    }

    private static LvmAllKinds Make(LvmTool tool, Random random)
    {
        tool.MustRun("pvcreate", "--metadatacopies", "2", "--metadatasize", "8m", tool.Device);
        tool.MustRun("vgcreate", Name, tool.Device);
        tool.MustRun("lvcreate", "-an", "-Zn", "-Wn", "-l", "4", "-n", "stock", Name);
        var file = tool.Image + ".backup";
        try
        {
            tool.MustRun("vgcfgbackup", "-f", file, Name);
            var kinds = new LvmAllKinds(random);
            var text = File.ReadAllText(file);
            text = text.Insert(text.LastIndexOf("\t}", StringComparison.Ordinal), kinds.Volumes());
            text = text.Insert(text.LastIndexOf('}'), kinds.Historical());
            File.WriteAllText(file, text);
            tool.MustRun("vgcfgrestore", "-y", "--force", "-f", file, Name);
            return kinds;
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static void Stock(LvmTool tool, VolumeGroup group, Random random, int round)
    {
        var linear = Linear(group);
        var name = linear.Count == 0 ? "" : $"{Name}/{linear[random.Next(linear.Count)]}";
        switch (linear.Count < 3 ? 0 : linear.Count > 25 ? 3 : random.Next(4))
        {
            case 0:
                tool.MustRun("lvcreate", "-an", "-Zn", "-Wn", "-l", $"{random.Next(1, 4)}", "-n", $"theirs{round}", "--addtag", $"S_{round}", Name);
                break;
            case 1:
                tool.MustRun("lvextend", "-l", "+1", name);
                break;
            case 2:
                tool.MustRun("lvchange", "--addtag", $"T_{round}", name);
                break;
            default:
                tool.MustRun("lvremove", "-f", name);
                break;
        }
    }

    private static void Ours(VolumeGroupDraft draft, Random random, int round)
    {
        var linear = Linear(draft.From);
        var name = linear.Count == 0 ? "none" : linear[random.Next(linear.Count)];
        var uuid = new byte[LvmUuid.Length];
        random.NextBytes(uuid);
        var outcome = (linear.Count < 3 ? 0 : linear.Count > 25 ? 4 : random.Next(5)) switch
        {
            0 => draft.CreateLinear($"ours{round}", LvmUuid.FromRandomBytes(uuid), random.Next(1, 4), [$"IU_{round}"], DateTimeOffset.UtcNow, "host"),
            1 => draft.Extend(name, (draft.Find(name)?.ExtentCount ?? 0) + random.Next(1, 3)),
            2 => draft.ChangeTags(name, draft.Find(name)?.Tags.Take(1) ?? [], [$"MD_{round}"]),
            3 => draft.Reduce(name, 1),
            _ => draft.Remove(name),
        };
        Assert.IsNotType<EditOutcome.Refused>(outcome);
    }

    private static List<string> Linear(VolumeGroup group) =>
        [.. group.LogicalVolumes.Where(volume => volume.EditRefusal is null && (volume.Name.StartsWith("theirs", StringComparison.Ordinal)
            || volume.Name.StartsWith("ours", StringComparison.Ordinal) || volume.Name == "stock")).Select(volume => volume.Name)];

    /// <summary>The bytes of these volumes and of the volumes that are remembered only.</summary>
    private static Dictionary<string, string> Blocks(IEnumerable<string> names, VolumeGroupRead read)
    {
        Assert.Null(read.Problem);
        var text = Encoding.ASCII.GetString(read.Copies[0].Text.Span);
        return names.Append("historical_logical_volumes").ToDictionary(name => name, name =>
        {
            var start = text.IndexOf($"\n{name} {{\n", StringComparison.Ordinal);
            Assert.True(start >= 0, $"'{name}' is gone");
            var depth = 0;
            for (var at = start; ; at++)
            {
                depth += text[at] == '{' ? 1 : text[at] == '}' ? -1 : 0;
                if (text[at] == '}' && depth == 0)
                {
                    return text[start..(at + 1)];
                }
            }
        });
    }
}
