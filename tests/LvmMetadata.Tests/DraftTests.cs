using System.Text;
using System.Text.RegularExpressions;
using LvmMetadata.Tests.Support;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Mapping;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;

namespace LvmMetadata.Tests;

public sealed class DraftTests
{
    [Fact]
    public async Task A_thousand_random_changes_leave_what_a_naive_twin_leaves_and_what_the_text_says()
    {
        for (var seed = 0; seed < 12; seed++)
        {
            var random = new Random(seed);
            var group = (await MetadataReader.ReadAsync(new FixtureFolder(seed % 2 == 0 ? "f01-single-pv" : "f02-three-pvs").Pvs())).Group!;
            var twin = new NaiveGroup(group);
            for (var round = 0; round < 30; round++)
            {
                var draft = new VolumeGroupDraft(group);
                for (var i = random.Next(6); i > 0; i--)
                {
                    var names = draft.From.LogicalVolumes.Select(volume => volume.Name).Append("missing").ToList();
                    var name = names[random.Next(names.Count)];
                    var size = random.Next(1, 20);
                    var place = random.Next(4) == 0 ? new Placement(0, random.Next(60)) : (Placement?)null;
                    var outcome = random.Next(6) switch
                    {
                        0 => draft.CreateLinear($"new{round}.{i}", Lab.Uuid((round * 100) + i + 500), size, ["t"], TestClock.Now, "h", place),
                        1 or 2 => draft.Extend(name, size),
                        3 => draft.Reduce(name, size),
                        4 => draft.Remove(name),
                        _ => draft.ChangeTags(name, ["t"], [$"r{round}"]),
                    };
                    if (outcome is EditOutcome.Done)
                    {
                        twin.Check(draft);
                    }
                    twin.Remember(draft);
                }
                group = draft.Build(group.Seqno + 1, 3, TestClock.Now, "round", "host");
                twin.CheckText(group);
            }
        }
    }

    [Fact]
    public async Task Each_failed_change_says_why_and_leaves_the_batch_alone()
    {
        var group = (await MetadataReader.ReadAsync(new FixtureFolder("f01-single-pv").Pvs())).Group!;
        var draft = new VolumeGroupDraft(group);
        Assert.Equal(new EditOutcome.AlreadyThere(4), draft.Extend("root", 4));
        Assert.Equal(new EditOutcome.AlreadyThere(4), draft.Extend("root", 3));
        Assert.Equal(new EditOutcome.NotFound("nobody"), draft.Extend("nobody", 3));
        Assert.Equal(new EditOutcome.NoSpace(996, 50), draft.Extend("root", 1000));
        Assert.Equal(new EditOutcome.Exists("root"), draft.CreateLinear("root", Lab.Uuid(9), 1, [], TestClock.Now, "h"));
        Assert.Equal(new EditOutcome.NoSpace(1, 0), draft.CreateLinear("x", Lab.Uuid(9), 1, [], TestClock.Now, "h", new Placement(0, 0)));
        foreach (var name in new[] { "", "-x", "..", "a/b", "snapshot1", "x_tdata", new string('x', 128), "a b", "ä" })
        {
            Assert.IsType<EditOutcome.Refused>(draft.CreateLinear(name, Lab.Uuid(9), 1, [], TestClock.Now, "h"));
        }
        Assert.IsType<EditOutcome.Refused>(draft.CreateLinear(new string('-', 0) + "a" + new string('-', 70), Lab.Uuid(9), 1, [], TestClock.Now, "h"));
        Assert.IsType<EditOutcome.Refused>(draft.CreateLinear("x", group.LogicalVolumes[0].Uuid, 1, [], TestClock.Now, "h"));
        Assert.IsType<EditOutcome.Refused>(draft.CreateLinear("x", Lab.Uuid(9), 0, [], TestClock.Now, "h"));
        Assert.IsType<EditOutcome.Refused>(draft.CreateLinear("x", Lab.Uuid(9), long.MaxValue, [], TestClock.Now, "h"));
        Assert.IsType<EditOutcome.Refused>(draft.ChangeTags("root", [], ["not a tag"]));
        Assert.IsType<EditOutcome.Refused>(draft.ChangeVgTags([], ["SPM_EPOCH=9"]));
        Assert.False(draft.HasChanges);
        Assert.Equal(50, draft.FreeExtents);
    }

    [Fact]
    public async Task A_volume_grows_right_behind_its_end_first_then_where_it_fits_best()
    {
        var group = (await MetadataReader.ReadAsync(new FixtureFolder("f01-single-pv").Pvs())).Group!;
        var draft = new VolumeGroupDraft(group);
        Assert.Equal(new EditOutcome.Done(0), draft.Remove("home"));
        Assert.Equal(new EditOutcome.Done(6), draft.Extend("root", 6));
        Assert.Single(draft.Find("root")!.Segments);
        Assert.Equal(new EditOutcome.Done(20), draft.Extend("root", 20));
        Assert.Equal([(0L, 12L), (13L, 8L)], draft.Find("root")!.Segments.Select(s => (s.Areas[0].StartExtent, s.ExtentCount)));
        var built = draft.Build(5, 1, TestClock.Now, "d", "h");
        Assert.Equal(
            [new PvRange(0, 1048576, 12 * 4194304L), new PvRange(0, 1048576 + (13 * 4194304L), 8 * 4194304L)],
            VolumeMapping.Map(built, built.Find("root")!));
        Assert.Equal([new PvRange(0, 1048576 + (12 * 4194304L) - 512, 512), new PvRange(0, 1048576 + (13 * 4194304L), 512)],
            VolumeMapping.Map(built, built.Find("root")!, (12 * 4194304L) - 512, 1024));
        var lines = string.Join('\n', DmTable.For(built, built.Find("root")!, _ => "7:0"));
        Assert.Equal("0 98304 linear 7:0 2048\n98304 65536 linear 7:0 108544", lines);
        Assert.True(DmTable.TryParse(lines, out var parsed));
        Assert.Equal(DmTable.For(built, built.Find("root")!, _ => "7:0"), parsed);
        Assert.False(DmTable.TryParse("0 10 linear 7:0 5\n11 1 linear 7:0 9", out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => VolumeMapping.Map(built, built.Find("root")!, -1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => VolumeMapping.Map(built, built.Find("root")!, long.MaxValue, long.MaxValue));
    }

    [Fact]
    public async Task Volumes_that_grow_side_by_side_by_single_extents_stay_in_few_segments()
    {
        var group = (await Open(await Lab.NewGroupAsync(areaBytes: 1 << 20))).Current;
        for (var i = 0; i < 4; i++)
        {
            group = Lab.Create(group, $"g{i}", 1).Build(group.Seqno + 1, 2, TestClock.Now, "d", "h");
        }
        for (var extents = 2; extents <= 50; extents++)
        {
            var draft = new VolumeGroupDraft(group);
            for (var i = 0; i < 4; i++)
            {
                Assert.Equal(new EditOutcome.Done(extents), draft.Extend($"g{i}", extents));
            }
            group = draft.Build(group.Seqno + 1, 2, TestClock.Now, "d", "h");
        }
        Assert.All(group.LogicalVolumes, volume => Assert.InRange(volume.Segments.Length, 1, 7));
    }

    [Fact]
    public async Task The_emptiest_physical_volume_gives_first_in_one_piece_and_the_same_every_time()
    {
        var text = Encoding.ASCII.GetString((await MetadataReader.ReadAsync(new FixtureFolder("f02-three-pvs").Pvs())).Copies[0].Text.Span);
        text = text[..text.IndexOf("\n\nlogical_volumes {", StringComparison.Ordinal)] + "\n\n\n}" + text[(text.LastIndexOf("\n}", StringComparison.Ordinal) + 2)..];
        Assert.Null(VolumeGroup.TryParse(Encoding.ASCII.GetBytes(text), out var parsed));
        var read = parsed!;
        var layouts = Enumerable.Range(0, 2).Select(_ =>
        {
            var draft = new VolumeGroupDraft(read);
            var free = read.PhysicalVolumes.Select(pv => pv.IsAllocatable ? pv.ExtentCount : 0).ToArray();
            var said = new List<string>();
            for (var i = 0; i < 30; i++)
            {
                Assert.IsType<EditOutcome.Done>(draft.CreateLinear($"v{i}", Lab.Uuid(900 + i), 2, [], TestClock.Now, "h"));
                var segment = Assert.Single(draft.Find($"v{i}")!.Segments);
                var emptiest = Array.IndexOf(free, free.Max());
                Assert.Equal(emptiest, segment.Areas[0].PvIndex);
                free[emptiest] -= 2;
                said.Add($"{segment.Areas[0].PvIndex}:{segment.Areas[0].StartExtent}");
            }
            return string.Join(' ', said);
        }).ToList();
        Assert.Equal(layouts[0], layouts[1]);
        Assert.Equal(read.PhysicalVolumes.Count(pv => pv.IsAllocatable), layouts[0].Split(' ').Select(place => place[0]).Distinct().Count());
    }

    /// <summary>The text of a group on one device, as stock lvm2 wrote it.</summary>
    private static string OnePv() => Encoding.ASCII.GetString(new FixtureFolder("f01-single-pv").Unpack("pv0.mda1.slot0.txt.gz")).TrimEnd('\0');

    private static async Task<MetadataStore> Open(MemoryPv pv) =>
        Assert.IsType<OpenOutcome.Opened>(await MetadataStore.OpenAsync([pv], new TestClock(), "h")).Store;

    /// 2^32 − 1 extents of 2^32 − 1 sectors: a product that wraps round would let extents lie beyond any device.
    [Fact]
    public void A_physical_volume_of_more_bytes_than_can_be_counted_is_refused()
    {
        var text = OnePv();
        text = Regex.Replace(Regex.Replace(text, "extent_size = [0-9]+", "extent_size = 4294967295"), @"\bpe_count = [0-9]+", "pe_count = 4294967295");
        Assert.Contains("pe_start or pe_count", VolumeGroup.TryParse(Encoding.ASCII.GetBytes(text), out _));
    }

    [Fact]
    public async Task Unknown_keys_sections_and_comments_survive_an_edit_of_everything_around_them()
    {
        var text = OnePv();
        text = text.Replace("max_lv = 0", "max_lv = 0\nzz_key = [1, \"x\"] # why\nzz_section { a = 1 }")
            .Replace("extent_count = 4\n", "extent_count = 4\nzz_in_segment = 7\n").Replace("creation_time = 1795168468\ncreation_host", "zz_in_lv = 'q'\ncreation_time = 1795168468\ncreation_host")
            .Replace("version = 1\n", "version = 1\nzz_trailer = 5\n");
        Assert.Null(VolumeGroup.TryParse(Encoding.ASCII.GetBytes(text), out var group));
        var draft = new VolumeGroupDraft(group!);
        Assert.IsType<EditOutcome.Done>(draft.Extend("root", 9));
        Assert.IsType<EditOutcome.Done>(draft.ChangeTags("root", [], ["a"]));
        Assert.IsType<EditOutcome.Done>(draft.ChangeVgTags([], ["v"]));
        var built = draft.Build(9, 4, TestClock.Now, "d", "h");
        var bytes = Lab.TextOf(built);
        var again = Encoding.ASCII.GetString(bytes);
        foreach (var kept in new[] { "zz_key = [1, \"x\"] # why\nzz_section { a = 1 }", "zz_in_segment = 7", "zz_in_lv = 'q'", "zz_trailer = 5" })
        {
            Assert.Contains(kept, again);
        }
        Assert.Null(VolumeGroup.TryParse(bytes, out var reread));
        Assert.Null(reread!.WriteRefusal);
        Assert.Equal((4ul, 9u, true), (reread.Epoch!.Value, reread.Seqno, reread.HasTripwire));
        Assert.Equal(["v", "SPM_EPOCH=4"], reread.Tags);
        await Task.CompletedTask;
    }

    [Theory]
    [InlineData("\nlogical_volumes {\nzz_key = 1 # why\n}", "\n}\n# Generated")]
    [InlineData("\nzz_key = 1 # why\n\n", "\n}\n# Generated")]
    [InlineData("zz_key = 1 # why\n", "description = ")]
    public void What_stands_where_lvm2_puts_nothing_survives_a_volume_that_comes_and_goes(string kept, string before)
    {
        var text = OnePv();
        text = text[..text.IndexOf("\n\nlogical_volumes {", StringComparison.Ordinal)] + "\n\n\n}" + text[text.IndexOf("\n# Generated", StringComparison.Ordinal)..];
        text = text.Replace(before, kept + before);
        Assert.Null(VolumeGroup.TryParse(Encoding.ASCII.GetBytes(text), out var group));
        foreach (var step in new Func<VolumeGroupDraft, EditOutcome>[] { d => d.CreateLinear("a", Lab.Uuid(900), 1, [], TestClock.Now, "h"), d => d.Remove("a") })
        {
            var draft = new VolumeGroupDraft(group!);
            Assert.IsType<EditOutcome.Done>(step(draft));
            var built = draft.Build(group!.Seqno + 1, 3, TestClock.Now, "d", "h");
            var bytes = Lab.TextOf(built);
            Assert.Contains("zz_key = 1", Encoding.ASCII.GetString(bytes));
            Assert.Null(VolumeGroup.TryParse(bytes, out group));
            NaiveGroup.CheckSame(built, group!);
        }
    }

    [Fact]
    public void A_string_that_ends_right_before_a_key_is_no_part_of_its_name()
    {
        var text = OnePv();
        text = text.Replace("description = ", "description = \"\"zz_key = 1\nzz_old = ");
        Assert.Null(VolumeGroup.TryParse(Encoding.ASCII.GetBytes(text), out var group));
        var built = new VolumeGroupDraft(group!).Build(group!.Seqno + 1, 3, TestClock.Now, "d", "h");
        var bytes = Lab.TextOf(built);
        Assert.Contains("\nzz_key = 1\n", Encoding.ASCII.GetString(bytes));
        Assert.Null(VolumeGroup.TryParse(bytes, out _));
    }

    [Theory]
    [InlineData("status = [\"RESIZEABLE\", \"READ\", \"WRITE\"]", "status = [\"RESIZEABLE\", \"READ\", \"WRITE\", \"NEWER\"]", "NEWER")]
    [InlineData("status = [\"RESIZEABLE\", \"READ\", \"WRITE\"]", "status = [\"RESIZEABLE\", \"READ\"]", "read-only")]
    [InlineData("status = [\"ALLOCATABLE\"]", "status = [\"ALLOCATABLE\", \"NEWER\"]", "NEWER")]
    [InlineData("format = \"lvm2\"", "lock_type = \"sanlock\"", "lock manager")]
    [InlineData("0eAeaQ-lI1A-4AuG-5ZDD-4fKk-Ljfo-OpMtBe", "qRaBhM-NRfO-7rNN-OTtu-vTQD-ZWtY-57sgbs", "uuid of another volume")]
    [InlineData("\n}\n# Generated", "\n }\n# Generated", "closing brace")]
    [InlineData("max_lv = 0", "tags = [\"SPM_EPOCH=x\"]", "not an epoch")]
    [InlineData("max_lv = 0", "tags = [\"a b\"]", "characters other")]
    [InlineData("pv0", "pv?0", "characters other")]
    [InlineData("seqno = 4", "seqno = 4\nseqno = 5", "twice")]
    [InlineData("logical_volumes {", "logical_volumes = 8192\nlogical_volumes {", "twice")]
    [InlineData("\n}\n# Generated", "\nlogical_volumes = 8192\n}\n# Generated", "twice")]
    [InlineData("\n}\n# Generated", "\nlogical_volumes {\n}\n}\n# Generated", "twice")]
    [InlineData("logical_volumes {", "zz_key = 1 logical_volumes = 8192\nzz_section {", "not a section")]
    public void What_lvm2_would_not_write_or_read_back_is_not_written(string from, string to, string reason)
    {
        var text = OnePv();
        Assert.Contains(from, text);
        var changed = Encoding.ASCII.GetBytes(text.Replace(from, to));
        Assert.Null(VolumeGroup.TryParse(changed, out var group));
        Assert.Contains(reason, group!.WriteRefusal);
        Assert.Equal(changed, Lab.TextOf(group));
        Assert.Throws<InvalidOperationException>(() => new VolumeGroupDraft(group).Build(5, 1, TestClock.Now, "", ""));
        Assert.IsType<EditOutcome.Refused>(new VolumeGroupDraft(group).Extend("root", 9));
    }

    [Theory]
    [InlineData("\"pv0\", 4\n", "\"pv0\", 3\n", "both use extent 3")]
    [InlineData("\"pv0\", 12\n", "\"pv0\", 63\n", "which has 63")]
    [InlineData("\"pv0\", 12\n", "\"pv9\", 12\n", "neither a physical nor a logical volume")]
    [InlineData("home {", "root {", "two volumes have the name 'root'")]
    [InlineData("segment_count = 1", "segment_count = 2", "segment_count says 2")]
    [InlineData("start_extent = 0", "start_extent = 1", "instead of 0")]
    [InlineData("extent_count = 4", "extent_count = 0", "missing or out of range")]
    [InlineData("version = 1", "version = 2", "version = 1 is missing")]
    [InlineData("vgone {", "# c\nvgone {", "does not begin with the name")]
    public void What_lvm2_would_not_read_is_not_read(string from, string to, string reason)
    {
        var text = OnePv();
        Assert.Contains(from, text);
        Assert.Contains(reason, VolumeGroup.TryParse(Encoding.ASCII.GetBytes(text.Replace(from, to)), out var group));
        Assert.Null(group);
    }
}
