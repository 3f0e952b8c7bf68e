using System.Text;
using LvmMetadata.Tests.Support;
using OvirtSpm.LvmMetadata.Store;

namespace LvmMetadata.Tests;

public sealed class ProbeTests
{
    private const long Size = 1L << 30;

    [Theory]
    [InlineData("ext2/3/4 file system", 1080, "53ef")]
    [InlineData("XFS file system", 0, "58465342")]
    [InlineData("Btrfs file system", 65600, "5f42485266535f4d")]
    [InlineData("swap space", 4086, "53574150535041434532")]
    [InlineData("LUKS volume", 0, "4c554b53babe")]
    [InlineData("qcow2 image", 0, "514649fb")]
    [InlineData("ISO 9660 file system", 32769, "4344303031")]
    [InlineData("GPT partition table", 512, "4546492050415254")]
    [InlineData("GPT partition table (backup)", Size - 512, "4546492050415254")]
    [InlineData("sanlock lockspace", 0, "10202112")]
    [InlineData("LVM2 physical volume", 512, "4c4142454c4f4e45")]
    [InlineData("LVM2 metadata area", 4100, "204c564d3220785b35412572304e2a3e")]
    [InlineData("Linux software RAID member", 4096, "fc4e2ba9")]
    public async Task What_a_device_carries_is_named_with_its_place_refused_and_forgotten_when_wiped(string what, long offset, string magic)
    {
        var pv = new MemoryPv(Size);
        var bytes = Convert.FromHexString(magic);
        pv.Poke(offset, bytes);
        var found = Assert.Single(await DeviceProbe.ProbeAsync(pv));
        Assert.Equal(what, found.What);
        Assert.Equal(offset, found.OffsetBytes);

        pv.Journal.Clear();
        Assert.IsType<FormatOutcome.NotEmpty>(await VolumeGroupFormat.CreateAsync(pv, Options(), TestClock.Now, "h"));
        Assert.DoesNotContain(pv.Journal, io => io.Kind == PvIoKind.Write);
        Assert.IsType<FormatOutcome.Created>(await VolumeGroupFormat.CreateAsync(pv, Options() with { Wipe = true }, TestClock.Now, "h"));
        var now = (await DeviceProbe.ProbeAsync(pv)).Select(one => one.What);
        Assert.Equal(["LVM2 physical volume", "LVM2 metadata area"], now);
    }

    [Fact]
    public async Task A_partition_table_is_told_from_a_mere_boot_sector()
    {
        var pv = new MemoryPv(Size);
        pv.Poke(510, [0x55, 0xaa]);
        Assert.Empty(await DeviceProbe.ProbeAsync(pv));
        pv.Poke(446, [0x80, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 0, 1, 0]);
        Assert.Equal("MBR partition table at byte 446", Assert.Single(await DeviceProbe.ProbeAsync(pv)).ToString());
    }

    [Fact]
    public async Task An_empty_device_and_a_tiny_one_are_empty()
    {
        Assert.Empty(await DeviceProbe.ProbeAsync(new MemoryPv(Size, 4096)));
        Assert.Empty(await DeviceProbe.ProbeAsync(new MemoryPv(512)));
        Assert.Empty(await DeviceProbe.ProbeAsync(new MemoryPv(0)));
    }

    [Theory]
    [InlineData(1000000, 4194304, 134217728)]
    [InlineData(1073741824, 3000000, 1048576)]
    [InlineData(1073741824, 0, 1048576)]
    [InlineData(1073741824, 4194304, 100)]
    [InlineData(1073741824, 4194304, long.MaxValue)]
    public async Task Wishes_that_make_no_sense_are_refused_before_anything_is_written(long device, long extent, long area)
    {
        var pv = new MemoryPv(device / 512 * 512);
        var refused = Assert.IsType<FormatOutcome.Refused>(
            await VolumeGroupFormat.CreateAsync(pv, Options() with { ExtentSizeBytes = extent, MetadataAreaBytes = area }, TestClock.Now, "h"));
        Assert.NotEmpty(refused.Reason);
        Assert.DoesNotContain(pv.Journal, io => io.Kind == PvIoKind.Write);
    }

    [Fact]
    public async Task A_crash_while_a_group_is_made_leaves_no_group_or_the_whole_one()
    {
        var before = new MemoryPv(Size);
        before.Poke(1080, [0x53, 0xef]);
        var pv = before.Clone();
        await VolumeGroupFormat.CreateAsync(pv, Options() with { Wipe = true }, TestClock.Now, "h");
        var seen = new HashSet<bool>();
        foreach (var crashed in CrashStates.Of(before, pv.Journal, new Random(3)))
        {
            var read = await MetadataReader.ReadAsync([crashed]);
            seen.Add(read.Group is not null);
            Assert.True(read.Group is not null ? read.Problem is null : read.Problem!.Contains("no LVM2 label", StringComparison.Ordinal));
        }
        Assert.Equal(2, seen.Count);
    }

    [Fact]
    public async Task Texts_that_no_header_names_are_reported_and_not_adopted()
    {
        var pv = await Lab.NewGroupAsync();
        pv.Poke(4096, new byte[512]);
        var second = (await MetadataReader.ReadAsync([pv])).Copies[1];
        Assert.IsType<CopyState.Current>(second.State);
        pv.Poke(second.AreaOffsetBytes + second.Location!.Value.OffsetBytes, Encoding.ASCII.GetBytes("X"));
        var read = await MetadataReader.ReadAsync([pv]);
        Assert.Null(read.Group);
        Assert.Contains("bad header: WrongMagic in sector 8", read.Problem);
        Assert.Contains("bad text: the checksum at sector", read.Problem);
        Assert.Contains(read.RingTexts, text => text is { GroupName: "vg", Seqno: 1, OffsetBytes: 8192 });
    }

    private static VgCreateOptions Options() => new()
    {
        Name = "vg",
        VgUuid = Lab.Uuid(1),
        PvUuid = Lab.Uuid(2),
        ExtentSizeBytes = 4 << 20,
        MetadataAreaBytes = 1 << 20,
    };
}
