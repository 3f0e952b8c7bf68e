using System.Buffers.Binary;
using System.Text;
using OvirtSpm.Volumes.Foreign;
using OvirtSpm.Volumes.Tests.Qcow2;

namespace OvirtSpm.Volumes.Tests.Foreign;

/// Bytes as the specifications say; the interop tests compare with files that QEMU made.
public sealed class SourceHeaderTests
{
    const int Sector = 512;

    [Fact]
    public async Task A_raw_disk_is_whatever_bytes_it_has()
    {
        Assert.Equal(new SourceCheck.Whole(1000), await ReadAsync(DiskFormat.Raw, new byte[1000]));
        await RefusedAsync(DiskFormat.Raw, [], "empty");
        // A guest may have put any header there: declared raw, it is raw.
        Assert.IsType<SourceCheck.Whole>(await ReadAsync(DiskFormat.Raw, Vmdk("monolithicSparse")));
    }

    [Fact]
    public async Task A_VHD_is_whole_when_its_footer_is()
    {
        Assert.Equal(new SourceCheck.Whole(4 * Sector), await ReadAsync(DiskFormat.Vpc, FixedVhd(4, type: 2)));
        Assert.Equal(new SourceCheck.Whole(4 * Sector), await ReadAsync(DiskFormat.Vpc, DynamicVhd(4, type: 3)));
        await RefusedAsync(DiskFormat.Vpc, DynamicVhd(4, type: 4), "differencing");
        await RefusedAsync(DiskFormat.Vpc, DynamicVhd(4, type: 9), "type 9");
        await RefusedAsync(DiskFormat.Vpc, FixedVhd(4, type: 2)[Sector..], "cut off");
        await RefusedAsync(DiskFormat.Vpc, FixedVhd(4, type: 2)[..^Sector], "footer");
        await RefusedAsync(DiskFormat.Vpc, FixedVhd(4, type: 2)[..^1], "whole sectors");
        await RefusedAsync(DiskFormat.Vpc, [.. DynamicVhd(4, type: 3)[..^Sector], .. new byte[Sector]], "footer");
    }

    [Fact]
    public async Task A_fixed_VHD_whose_guest_wrote_another_one_at_its_start_is_not_taken_for_that()
    {
        var disk = FixedVhd(4, type: 2);
        Footer(1 << 20, type: 3).CopyTo(disk.AsSpan());
        await RefusedAsync(DiskFormat.Vpc, disk, "begins like another VHD");
    }

    [Fact]
    public async Task Any_changed_bit_of_a_footer_is_found()
    {
        var disk = FixedVhd(4, type: 2);
        for (var at = 0; at < Sector; at++)
        {
            var changed = disk.ToArray();
            changed[^(Sector - at)] ^= 1;
            Assert.IsType<SourceCheck.Refused>(await ReadAsync(DiskFormat.Vpc, changed));
        }
    }

    [Theory]
    [InlineData("monolithicSparse")]
    [InlineData("streamOptimized")]
    public async Task A_VMDK_in_one_file_is_whole(string kind) =>
        Assert.Equal(new SourceCheck.Whole(2048 * Sector), await ReadAsync(DiskFormat.Vmdk, Vmdk(kind)));

    [Fact]
    public async Task A_VMDK_that_names_other_files_is_refused()
    {
        await RefusedAsync(DiskFormat.Vmdk, Encoding.ASCII.GetBytes("# Disk DescriptorFile\nversion=1\n" + Descriptor("monolithicFlat", extents: "RW 8 FLAT \"/etc/shadow\" 0")), "other files");
        await RefusedAsync(DiskFormat.Vmdk, Vmdk("monolithicSparse", sectors: 0), "other files");
        await RefusedAsync(DiskFormat.Vmdk, Vmdk("twoGbMaxExtentSparse"), "twoGbMaxExtentSparse");
        await RefusedAsync(DiskFormat.Vmdk, Vmdk("monolithicSparse", extents: "RW 8 SPARSE \"a\"\nRW 8 SPARSE \"b\""), "other, than this one file");
        await RefusedAsync(DiskFormat.Vmdk, Vmdk("monolithicSparse", extents: "RW 8 FLAT \"/etc/shadow\" 0"), "other, than this one file");
        await RefusedAsync(DiskFormat.Vmdk, Vmdk("monolithicSparse", parent: "0badcafe"), "parent");
        await RefusedAsync(DiskFormat.Vmdk, Vmdk("monolithicSparse", more: "parentFileNameHint=\"/etc/shadow\"\n"), "parent");
        await RefusedAsync(DiskFormat.Vmdk, Vmdk("monolithicSparse", descriptorSector: 9), "not inside it");
        await RefusedAsync(DiskFormat.Vmdk, Vmdk("monolithicSparse", version: 4), "version 4");
    }

    [Theory]
    [InlineData(DiskFormat.Vpc)]
    [InlineData(DiskFormat.Vmdk)]
    public async Task Anything_cut_off_anywhere_is_refused_and_never_read_behind_its_end(DiskFormat format)
    {
        var whole = format == DiskFormat.Vpc ? DynamicVhd(4, type: 3) : Vmdk("streamOptimized")[..(Sector + 100)];
        for (var length = 0; length < whole.Length; length += 7)
        {
            Assert.IsType<SourceCheck.Refused>(await ReadAsync(format, whole[..length]));
        }
    }

    static async Task<SourceCheck> ReadAsync(DiskFormat format, byte[] bytes) => await SourceHeader.ReadAsync(new MemoryImage(bytes), format);

    static async Task RefusedAsync(DiskFormat format, byte[] bytes, string why) =>
        Assert.Contains(why, Assert.IsType<SourceCheck.Refused>(await ReadAsync(format, bytes)).Why, StringComparison.Ordinal);

    static byte[] FixedVhd(int sectors, uint type) => [.. new byte[sectors * Sector], .. Footer(sectors * Sector, type)];

    static byte[] DynamicVhd(int sectors, uint type) => [.. Footer(sectors * Sector, type), .. new byte[4 * Sector], .. Footer(sectors * Sector, type)];

    static byte[] Footer(long sizeBytes, uint type)
    {
        var footer = new byte[Sector];
        "conectix"u8.CopyTo(footer);
        BinaryPrimitives.WriteInt64BigEndian(footer.AsSpan(48), sizeBytes);
        BinaryPrimitives.WriteUInt32BigEndian(footer.AsSpan(60), type);
        BinaryPrimitives.WriteUInt32BigEndian(footer.AsSpan(64), ~(uint)footer.Sum(value => value));
        return footer;
    }

    static byte[] Vmdk(
        string kind, long sectors = 2048, long descriptorSector = 1, uint version = 1, string parent = "ffffffff", string extents = "RW 2048 SPARSE \"a.vmdk\"", string more = "")
    {
        var bytes = new byte[40 * Sector];
        "KDMV"u8.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(4), version);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(12), sectors);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(28), descriptorSector);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(36), 20);
        Encoding.ASCII.GetBytes(Descriptor(kind, parent, extents, more)).CopyTo(bytes, Sector);
        return bytes;
    }

    static string Descriptor(string kind, string parent = "ffffffff", string extents = "", string more = "") =>
        $"# Disk DescriptorFile\nversion=1\nCID=1adcf8a4\nparentCID={parent}\ncreateType=\"{kind}\"\n{more}\n# Extent description\n{extents}\n\n# The Disk Data Base\n#DDB\n";
}
