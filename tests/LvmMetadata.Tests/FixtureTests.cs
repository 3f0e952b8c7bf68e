using System.Globalization;
using System.Text;
using System.Text.Json;
using LvmMetadata.Tests.Support;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;
using OvirtSpm.LvmMetadata.Store;

namespace LvmMetadata.Tests;

public sealed class FixtureTests
{
    public static TheoryData<string> Folders => new(FixtureFolder.All);

    [Theory]
    [MemberData(nameof(Folders))]
    public void Labels_say_what_the_manifest_says_and_are_written_byte_for_byte(string folder)
    {
        var fixture = new FixtureFolder(folder);
        foreach (var (pv, manifest) in fixture.Pvs().Zip(fixture.Manifest.GetProperty("pvs").EnumerateArray()))
        {
            var expected = manifest.GetProperty("label");
            var number = expected.GetProperty("sector").GetInt64();
            var sector = new byte[512];
            pv.Peek(number * 512, sector);

            Assert.Equal(LabelError.None, PvLabel.TryParse(sector, number, out var label));
            Assert.Equal(expected.GetProperty("pv_uuid").GetString(), label!.PvUuid.Compact);
            Assert.Equal(expected.GetProperty("device_size").GetInt64(), label.DeviceSizeBytes);
            Assert.Equal(Areas(expected.GetProperty("data_areas")), label.DataAreas);
            Assert.Equal(Areas(expected.GetProperty("mda_locns")), label.MetadataAreas);
            Assert.Equal(Areas(expected.GetProperty("ext").GetProperty("bas")), label.BootLoaderAreas);
            var again = new byte[512];
            label.Format(again);
            Assert.Equal(sector, again);
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Headers_say_what_the_manifest_says_and_are_written_byte_for_byte(string folder)
    {
        var fixture = new FixtureFolder(folder);
        foreach (var (pv, manifest) in fixture.Pvs().Zip(fixture.Manifest.GetProperty("pvs").EnumerateArray()))
        {
            foreach (var mda in manifest.GetProperty("mdas").EnumerateArray())
            {
                var area = new DiskArea(mda.GetProperty("start").GetInt64(), mda.GetProperty("size").GetInt64());
                var sector = new byte[512];
                pv.Peek(area.OffsetBytes, sector);

                Assert.Equal(HeaderError.None, MdaHeader.TryParse(sector, area, out var header));
                Assert.Equal(Slot(mda.GetProperty("raw_locn")[0]), header.Committed);
                Assert.Equal(Slot(mda.GetProperty("raw_locn")[1]), header.Precommitted);
                var again = new byte[512];
                header.Format(again);
                Assert.Equal(sector, again);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public async Task Every_text_is_given_back_byte_for_byte(string folder)
    {
        var fixture = new FixtureFolder(folder);
        var texts = fixture.TextFiles().Select(fixture.Unpack).ToList();
        texts.AddRange((await MetadataReader.ReadAsync(fixture.Pvs())).Copies.Where(copy => copy.Text.Length > 0).Select(copy => copy.Text.ToArray()));
        Assert.NotEmpty(texts);
        foreach (var text in texts)
        {
            Assert.Null(VolumeGroup.TryParse(text, out var group));
            Assert.Equal(Encoding.ASCII.GetString(text).TrimEnd('\0'), Encoding.ASCII.GetString(Lab.TextOf(group!)));
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public async Task The_reader_finds_the_text_that_lvm2_committed(string folder)
    {
        var fixture = new FixtureFolder(folder);
        var read = await MetadataReader.ReadAsync(fixture.Pvs());

        Assert.NotNull(read.Group);
        Assert.DoesNotContain(read.Copies, copy => copy.State is CopyState.BadHeader or CopyState.BadText);
        if (folder is "f07b-vgmetadatacopies" or "f09d-commit-one")
        {
            return;
        }
        Assert.Null(read.Problem);
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public async Task Linear_volumes_are_written_in_lvm2s_own_words(string folder)
    {
        var group = (await MetadataReader.ReadAsync(new FixtureFolder(folder).Pvs())).Group!;
        foreach (var volume in group.LogicalVolumes.Where(volume => volume.IsLinear))
        {
            var own = Encoding.ASCII.GetString(volume.Text.Block.Span);
            if (own.Contains("allocation_policy") || own.Contains("read_ahead") || own.Contains("minor"))
            {
                continue;
            }
            Assert.Equal(own, Encoding.ASCII.GetString(LinearText.Format(volume)));
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public async Task Segments_lie_where_lvm2_reports_them(string folder)
    {
        var fixture = new FixtureFolder(folder);
        if (fixture.Report("segments.json") is not { } report)
        {
            return;
        }
        var pvs = fixture.Pvs();
        var read = await MetadataReader.ReadAsync(pvs);
        var group = read.Group!;
        foreach (var line in report.GetProperty("seg").EnumerateArray().Where(line => line.GetProperty("segtype").GetString() == "linear"))
        {
            var volume = group.Find(line.GetProperty("lv_name").GetString()!.Trim('[', ']'))!;
            var segment = volume.Segments.Single(one => one.StartExtent == Number(line, "seg_start_pe"));
            Assert.Equal(Number(line, "seg_size_pe"), segment.ExtentCount);
            var pv = group.PhysicalVolumes[segment.Areas[0].PvIndex];
            var last = segment.Areas[0].StartExtent + segment.ExtentCount - 1;
            var device = pvs[read.Labels.ToList().FindIndex(label => label!.PvUuid == pv.Uuid)].Name;
            Assert.Equal($"{device}:{segment.Areas[0].StartExtent}-{last}", line.GetProperty("seg_pe_ranges").GetString());
        }
    }

    [Fact]
    public async Task A_crash_after_the_texts_or_one_precommit_leaves_the_old_group()
    {
        foreach (var folder in new[] { "f09a-text-only", "f09b-precommit-one" })
        {
            var read = await MetadataReader.ReadAsync(new FixtureFolder(folder).Pvs());
            Assert.Null(read.Problem);
            Assert.All(read.Copies, copy => Assert.IsType<CopyState.Current>(copy.State));
        }
    }

    [Fact]
    public async Task A_crash_after_one_commit_leaves_the_new_group_and_a_stale_copy_that_is_named()
    {
        var read = await MetadataReader.ReadAsync(new FixtureFolder("f09d-commit-one").Pvs());
        Assert.IsType<CopyState.Current>(read.Copies[0].State);
        var stale = Assert.IsType<CopyState.Stale>(read.Copies[1].State);
        Assert.Equal(read.Group!.Seqno - 1, stale.Version.Seqno);
        Assert.Contains("/dev/loop1: metadata area at byte 4096 (sector 8): stale", read.Problem);
    }

    [Fact]
    public async Task Ignored_copies_are_never_read_whatever_they_hold()
    {
        var read = await MetadataReader.ReadAsync(new FixtureFolder("f07b-vgmetadatacopies").Pvs());
        Assert.Contains(read.Copies, copy => copy is { State: CopyState.Ignored, Location.OffsetBytes: 512, Text.Length: 0 });
        Assert.Equal(2, read.UsedCopies);
    }

    [Fact]
    public async Task Groups_that_other_managers_guard_or_that_hold_other_types_are_kept_and_their_volumes_refused()
    {
        var thin = (await MetadataReader.ReadAsync(new FixtureFolder("f06-thin").Pvs())).Group!;
        var draft = new VolumeGroupDraft(thin);
        foreach (var name in new[] { "pool", "t1", "ext", "pool_tdata", "lvol0_pmspare" })
        {
            Assert.IsType<EditOutcome.Refused>(draft.Extend(name, 1000));
            Assert.IsType<EditOutcome.Refused>(draft.Remove(name));
        }
        Assert.False(draft.HasChanges);
    }

    private static long Number(JsonElement line, string key) => long.Parse(line.GetProperty(key).GetString()!, CultureInfo.InvariantCulture);

    private static IEnumerable<DiskArea> Areas(JsonElement pairs) =>
        pairs.EnumerateArray().Select(pair => new DiskArea(pair[0].GetInt64(), pair[1].GetInt64()));

    private static TextLocation Slot(JsonElement slot) => new(
        slot.GetProperty("offset").GetInt64(), slot.GetProperty("size").GetInt64(),
        Convert.ToUInt32(slot.GetProperty("crc").GetString(), 16), slot.GetProperty("flags").GetUInt32());
}
