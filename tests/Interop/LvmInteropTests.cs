using System.Globalization;
using System.Text.RegularExpressions;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;

namespace OvirtSpm.Interop;

public sealed partial class LvmInteropTests
{
    private const string Name = "5a7b3c2d-0f0e-4d6c-8b9a-aabbccddeeff";
    private const long Gib = 1L << 30;
    private const long Extent = 128L << 20;

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task A_group_made_by_us_prints_no_line_more_than_one_made_by_stock_lvm2(int sectorSize)
    {
        Assert.SkipWhen(LvmTool.Missing() is not null, LvmTool.Missing() ?? "");
        using var stock = LvmTool.AttachNew(12 * Gib, sectorSize);
        stock.MustRun("pvcreate", "-y", "--metadatasize", "128m", "--metadatacopies", "2", stock.Device);
        stock.MustRun("vgcreate", "--setautoactivation", "n", "--physicalextentsize", "128m", "--addtag", "A", Name, stock.Device);
        stock.MustRun("lvcreate", "-an", "-Zn", "-Wn", "-l", "3", "-n", "one", "--addtag", "T1", Name);
        using var ours = LvmTool.AttachNew(12 * Gib, sectorSize);
        using var pv = new LvmFilePv(ours.Image, sectorSize);
        await MakeAsync(pv, epoch: null, tags: ["A"]);
        var store = await OpenAsync(pv);
        var draft = new VolumeGroupDraft(store.Current);
        Assert.IsType<EditOutcome.Done>(draft.CreateLinear("one", Uuid(new Random(6)), 3, ["T1"], DateTimeOffset.UtcNow, "host"));
        Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(draft, new LvmGuard(1), "create one"));

        foreach (var command in new string[][]
        {
            ["pvck", "--dump", "headers"], ["vgck", Name], ["lvs", "-o+tags,seg_pe_ranges", Name], ["vgs", Name], ["pvs"], ["pvck"],
        })
        {
            string[] device = command[0] == "pvck" ? [stock.Device] : [];
            string[] ourDevice = command[0] == "pvck" ? [ours.Device] : [];
            var expected = stock.MustRun(command[0], [.. command[1..], .. device]).Lines.Select(line => Normal(line, stock.Device)).ToList();
            var actual = ours.MustRun(command[0], [.. command[1..], .. ourDevice]).Lines.Select(line => Normal(line, ours.Device)).ToList();
            Assert.Equal(expected, actual);
        }
    }

    [Theory]
    [InlineData(1, 512)]
    [InlineData(2, 4096)]
    public async Task Stock_lvm2_and_we_change_one_group_in_turn_a_hundred_times(int seed, int sectorSize)
    {
        Assert.SkipWhen(LvmTool.Missing() is not null, LvmTool.Missing() ?? "");
        var random = new Random(seed);
        using var tool = LvmTool.AttachNew(40 * Gib, sectorSize);
        using var pv = new LvmFilePv(tool.Image, sectorSize);
        await MakeAsync(pv, epoch: null, tags: []);
        var store = await OpenAsync(pv);
        for (var round = 0; round < 50; round++)
        {
            StockChange(tool, store.Current, random, round);
            Assert.NotNull(await store.ScrubAsync());
            var foreign = await store.CommitAsync(Draft(store.Current, random, 1000 + round), new LvmGuard(1), "meets a foreign write");
            Assert.IsType<CommitOutcome.ForeignWrite>(foreign);
            var adopted = await store.AdoptForeignAsync(new LvmGuard(1), (_, _) => null);
            Assert.True(adopted is TakeOverOutcome.TakenOver, adopted.ToString());
            Assert.Equal(Listing(tool), Listing(store.Current));

            var outcome = await store.CommitAsync(Draft(store.Current, random, round), new LvmGuard(1), $"round {round}");
            Assert.IsType<CommitOutcome.Committed>(outcome);
            Assert.Equal(Listing(tool), Listing(store.Current));
            Assert.All(tool.MustRun("vgck", Name).Lines, line => Assert.Contains("Activation disabled", line));
        }
        Assert.Equal(50, store.ForeignWritesSeen);
    }

    [Fact]
    public async Task A_group_made_by_stock_lvm2_is_taken_over_edited_and_given_back()
    {
        Assert.SkipWhen(LvmTool.Missing() is not null, LvmTool.Missing() ?? "");
        using var tool = LvmTool.AttachNew(12 * Gib);
        tool.MustRun("pvcreate", "-y", "--metadatasize", "128m", "--metadatacopies", "2", tool.Device);
        tool.MustRun("vgcreate", "--setautoactivation", "n", "--physicalextentsize", "128m", Name, tool.Device);
        tool.MustRun("lvcreate", "-an", "-Zn", "-Wn", "-i", "1", "-l", "2", "-n", "kept", "--addtag", "a/b&1", Name);
        using var pv = new LvmFilePv(tool.Image);
        var store = await OpenAsync(pv);
        var draft = new VolumeGroupDraft(store.Current);
        Assert.IsType<EditOutcome.Done>(draft.Extend("kept", 5));
        Assert.IsType<EditOutcome.Done>(draft.ChangeTags("kept", ["a/b&1"], ["c"]));
        Assert.IsType<CommitOutcome.Committed>(await store.CommitAsync(draft, new LvmGuard(1), "extend"));
        Assert.Equal(Listing(tool), Listing(store.Current));
        Assert.Equal("kept c 671088640 0-4", Listing(tool));
        tool.MustRun("lvextend", "-l", "+1", $"{Name}/kept");
        var read = await MetadataReader.ReadAsync([pv]);
        Assert.False(read.Group!.HasTripwire);
        Assert.Equal(1ul, read.Group.Epoch);
        Assert.Equal(6, read.Group.Find("kept")!.ExtentCount);
    }

    [Theory]
    [InlineData(1073741824L, 1048576L, 4194304L)]
    [InlineData(1073742336L, 1044480L, 4194304L)]
    [InlineData(900000256L, 3145728L, 4194304L)]
    [InlineData(700123136L, 67108864L, 1048576L)]
    public async Task Areas_and_extents_lie_where_pvcreate_puts_them(long device, long area, long extent)
    {
        Assert.SkipWhen(LvmTool.Missing() is not null, LvmTool.Missing() ?? "");
        using var stock = LvmTool.AttachNew(device);
        stock.MustRun("pvcreate", "-y", "--metadatasize", $"{area}b", "--metadatacopies", "2", stock.Device);
        stock.MustRun("vgcreate", "--physicalextentsize", $"{extent}b", Name, stock.Device);
        using var ours = LvmTool.AttachNew(device);
        using var pv = new LvmFilePv(ours.Image);
        var options = Options(null, []) with { ExtentSizeBytes = extent, MetadataAreaBytes = area };
        Assert.IsType<FormatOutcome.Created>(await VolumeGroupFormat.CreateAsync(pv, options, DateTimeOffset.UtcNow, "host"));

        Assert.Equal(
            stock.MustRun("pvck", "--dump", "headers", stock.Device).Lines.Where(line => line.Contains("disk_locn", StringComparison.Ordinal)),
            ours.MustRun("pvck", "--dump", "headers", ours.Device).Lines.Where(line => line.Contains("disk_locn", StringComparison.Ordinal)));
        string[] fields = ["-o", "dev_size,pv_size,pe_start,pv_pe_count,pv_mda_count,pv_mda_size"];
        Assert.Equal(stock.Report("pvs", "pv", fields)[0].ToString(), ours.Report("pvs", "pv", fields)[0].ToString());
    }

    private static void StockChange(LvmTool tool, VolumeGroup group, Random random, int round)
    {
        var names = group.LogicalVolumes.Select(volume => volume.Name).ToList();
        var name = names.Count == 0 ? "" : $"{Name}/{names[random.Next(names.Count)]}";
        switch (names.Count < 3 ? 0 : random.Next(5))
        {
            case 0:
                tool.MustRun("lvcreate", "-an", "-Zn", "-Wn", "-l", $"{random.Next(1, 4)}", "-n", $"stock{round}", "--addtag", $"S_{round}", Name);
                break;
            case 1:
                tool.MustRun("lvextend", "-l", "+1", name);
                break;
            case 2:
                tool.MustRun("lvchange", "--addtag", $"T_{round}", name);
                break;
            case 3:
                tool.MustRun("vgchange", "--addtag", $"G_{round}", Name);
                break;
            default:
                tool.MustRun("lvremove", "-f", name);
                break;
        }
    }

    private static VolumeGroupDraft Draft(VolumeGroup group, Random random, int round)
    {
        var draft = new VolumeGroupDraft(group);
        for (var i = random.Next(1, 4); i > 0; i--)
        {
            var volumes = group.LogicalVolumes;
            var name = volumes.IsEmpty ? "none" : volumes[random.Next(volumes.Length)].Name;
            var outcome = random.Next(6) switch
            {
                0 or 1 => draft.CreateLinear($"ours{round}-{i}", Uuid(random), random.Next(1, 4), [$"IU_{round}", "PU_0"], DateTimeOffset.UtcNow, "host"),
                2 => draft.Extend(name, (draft.Find(name)?.ExtentCount ?? 0) + random.Next(1, 3)),
                3 => draft.ChangeTags(name, draft.Find(name)?.Tags.Take(1) ?? [], [$"MD_{round}"]),
                4 => draft.Reduce(name, 1),
                _ => draft.Remove(name),
            };
            Assert.IsNotType<EditOutcome.Refused>(outcome);
        }
        return draft;
    }

    /// <summary>One line per volume: name, tags in order, size, extents.</summary>
    private static string Listing(LvmTool tool)
    {
        var tags = tool.Report("lvs", "lv", "-o", "lv_name,lv_tags,lv_size", Name).ToDictionary(
            line => line.GetProperty("lv_name").GetString()!,
            line => (Tags: line.GetProperty("lv_tags").GetString()!, Size: line.GetProperty("lv_size").GetString()!));
        return string.Join('\n', tool.Report("lvs", "seg", "--segments", "-o", "lv_name,seg_start_pe,seg_pe_ranges", Name)
            .GroupBy(line => line.GetProperty("lv_name").GetString()!)
            .Select(volume => $"{volume.Key} {string.Join(',', tags[volume.Key].Tags.Split(',').Order(StringComparer.Ordinal))} {tags[volume.Key].Size} " + string.Join(' ', volume
                .OrderBy(line => long.Parse(line.GetProperty("seg_start_pe").GetString()!, CultureInfo.InvariantCulture))
                .Select(line => line.GetProperty("seg_pe_ranges").GetString()!.Split(':')[1])))
            .Order(StringComparer.Ordinal));
    }

    private static string Listing(VolumeGroup group) => string.Join('\n', group.LogicalVolumes
        .Select(volume => $"{volume.Name} {string.Join(',', volume.Tags.Order(StringComparer.Ordinal))} {volume.SizeBytes} " + string.Join(' ', volume.Segments
            .Select(segment => $"{segment.Areas[0].StartExtent}-{segment.Areas[0].StartExtent + segment.ExtentCount - 1}")))
        .Order(StringComparer.Ordinal));

    private static async Task MakeAsync(LvmFilePv pv, ulong? epoch, string[] tags) =>
        Assert.IsType<FormatOutcome.Created>(await VolumeGroupFormat.CreateAsync(pv, Options(epoch, tags), DateTimeOffset.UtcNow, "host"));

    private static VgCreateOptions Options(ulong? epoch, string[] tags) => new()
    {
        Name = Name,
        VgUuid = Uuid(new Random(1)),
        PvUuid = Uuid(new Random(2)),
        ExtentSizeBytes = Extent,
        Tags = tags,
        Epoch = epoch,
        DeviceHint = "/dev/loop",
    };

    private static async Task<MetadataStore> OpenAsync(LvmFilePv pv)
    {
        var opened = Assert.IsType<OpenOutcome.Opened>(await MetadataStore.OpenAsync([pv], TimeProvider.System, "host"));
        Assert.IsType<TakeOverOutcome.TakenOver>(await opened.Store.TakeOverAsync(new LvmGuard(1)));
        return opened.Store;
    }

    private static LvmUuid Uuid(Random random)
    {
        var bytes = new byte[LvmUuid.Length];
        random.NextBytes(bytes);
        return LvmUuid.FromRandomBytes(bytes);
    }

    /// <summary>Checksums, identities, ring places and the text's size differ rightly; tags come in any order.</summary>
    private static string Normal(string line, string device)
    {
        line = Numbers().Replace(line.Replace(device, "DEV", StringComparison.Ordinal), "$1 #");
        return Spaces().Replace(TextLine().Replace(line, "metadata text at # crc # # vgname $1 seqno #"), " ");
    }

    [GeneratedRegex(@"(\.(?:crc|checksum|pv_uuid)|raw_locn\[0\]\.(?:offset|size|checksum)) \S+")]
    private static partial Regex Numbers();

    [GeneratedRegex(@"metadata text at \d+ crc \S+ # vgname (\S+) seqno \d+")]
    private static partial Regex TextLine();

    [GeneratedRegex(" +")]
    private static partial Regex Spaces();
}
