namespace OvirtSpm.Interop.Cli;

public sealed class CliStockInTurnTests
{
    [Fact]
    public async Task Stock_lvm2_and_our_verbs_change_one_group_in_turn_without_loss()
    {
        CliLun.SkipWithoutLoop();
        using var file = await CliLun.WithDomainAsync(24 * CliLun.Gib);
        using var lun = file.Copy(withLoop: true);
        var group = lun.Lvm.MustRun("vgs", "--noheadings", "-o", "vg_name").Output.Trim();
        var random = new Random(11);
        var theirs = new SortedDictionary<string, (int Extents, string Tag)>(StringComparer.Ordinal);
        var ours = new SortedDictionary<string, long>(StringComparer.Ordinal);
        for (var round = 0; round < 20; round++)
        {
            Stock(lun, group, theirs, random, round);
            await OursAsync(lun, ours, random, round);

            lun.Lvm.MustRun("vgck", group);
            var seen = lun.Lvm.Report("lvs", "lv", group, "-o", "lv_name,lv_size,lv_tags").ToDictionary(lv => lv.GetProperty("lv_name").GetString()!);
            Assert.Equal(8 + theirs.Count + ours.Count, seen.Count);
            Assert.All(theirs, lv =>
            {
                Assert.Equal($"{lv.Value.Extents * 128 * CliLun.Mib}", seen[lv.Key].GetProperty("lv_size").GetString());
                Assert.Equal(lv.Value.Tag, seen[lv.Key].GetProperty("lv_tags").GetString());
            });
            Assert.All(ours, volume => Assert.Equal($"{volume.Value}", seen[volume.Key].GetProperty("lv_size").GetString()));
        }
        var listed = (await CliSpm.RunAsync("volume", "list", "--lun", lun.Path, "--json")).Succeeded().Json.EnumerateArray().ToList();
        Assert.Equal(ours.Keys, listed.Select(v => v.GetProperty("volume").GetString()!).Where(name => Guid.TryParse(name, out _)).Order(StringComparer.Ordinal));
        Assert.All(listed.Where(v => ours.ContainsKey(v.GetProperty("volume").GetString()!)), v => Assert.Equal("ready", v.GetProperty("state").GetString()));
        // A volume that is not ours is seen and left alone.
        if (theirs.Count > 0)
        {
            (await CliSpm.RunAsync("volume", "delete", theirs.First().Key, "--lun", lun.Path)).Exits(1);
        }
    }

    static void Stock(CliLun lun, string group, SortedDictionary<string, (int Extents, string Tag)> theirs, Random random, int round)
    {
        var any = theirs.Count == 0 ? "" : theirs.Keys.ElementAt(random.Next(theirs.Count));
        switch (theirs.Count == 0 ? 0 : random.Next(4))
        {
            case 0 when theirs.Count < 12:
                lun.Lvm.MustRun("lvcreate", "-an", "-Zn", "-Wn", "-l", "2", "-n", $"foreign{round:00}", "--addtag", $"T{round}", group);
                theirs[$"foreign{round:00}"] = (2, $"T{round}");
                break;
            case 1:
                lun.Lvm.MustRun("lvextend", "-l", "+1", $"{group}/{any}");
                theirs[any] = theirs[any] with { Extents = theirs[any].Extents + 1 };
                break;
            case 2:
                lun.Lvm.MustRun("lvchange", "--deltag", theirs[any].Tag, "--addtag", $"N{round}", $"{group}/{any}");
                theirs[any] = theirs[any] with { Tag = $"N{round}" };
                break;
            default:
                lun.Lvm.MustRun("lvremove", "-y", $"{group}/{any}");
                theirs.Remove(any);
                break;
        }
    }

    static async Task OursAsync(CliLun lun, SortedDictionary<string, long> ours, Random random, int round)
    {
        var any = ours.Count == 0 ? "" : ours.Keys.ElementAt(random.Next(ours.Count));
        switch (ours.Count == 0 ? 0 : random.Next(3))
        {
            case 0:
                var uuid = new Guid(round + 1, 7, 7, [1, 2, 3, 4, 5, 6, 7, 8]).ToString();
                (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "256M", "--format", "raw", "--no-zero", "--uuid", uuid)).Succeeded();
                ours[uuid] = 256 * CliLun.Mib;
                break;
            case 1:
                ours[any] += 128 * CliLun.Mib;
                (await CliSpm.RunAsync("volume", "extend", any, $"{ours[any]}", "--lun", lun.Path)).Succeeded();
                break;
            default:
                (await CliSpm.RunAsync("volume", "delete", any, "--lun", lun.Path)).Succeeded();
                ours.Remove(any);
                break;
        }
    }
}
