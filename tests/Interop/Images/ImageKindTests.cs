using OvirtSpm.Node;
using OvirtSpm.Volumes.Qcow2;

namespace OvirtSpm.Interop.Images;

/// <summary>Every kind of qcow2 image that QEMU makes, empty and written, read by both.</summary>
public sealed class ImageKindTests
{
    static readonly string[] Writes = ["write 0 64k", "write 20M 3M", "write -z 10M 1M", "write 66977792 4k", "write -P 7 30M 5k"];

    public static TheoryData<string, string> Kinds => new()
    {
        { "plain", "" },
        { "v2", "compat=0.10" },
        { "lazy", "lazy_refcounts=on" },
        { "zstd", "compression_type=zstd" },
        { "metadata", "preallocation=metadata" },
        { "falloc", "preallocation=falloc" },
        { "full", "preallocation=full" },
        { "luks", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10" },
        { "c512", "cluster_size=512" },
        { "c1k", "cluster_size=1k" },
        { "c4k", "cluster_size=4k" },
        { "c32k", "cluster_size=32k" },
        { "c2m", "cluster_size=2M" },
        { "c512metadata", "cluster_size=512,preallocation=metadata" },
        { "ext", "extended_l2=on" },
        { "ext16k", "extended_l2=on,cluster_size=16k" },
        { "ext128k", "extended_l2=on,cluster_size=128k,preallocation=metadata" },
        { "r1", "refcount_bits=1" },
        { "r2", "refcount_bits=2" },
        { "r4", "refcount_bits=4,cluster_size=512" },
        { "r8", "refcount_bits=8" },
        { "r32", "refcount_bits=32" },
        { "r64", "refcount_bits=64,cluster_size=512" },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Empty_and_written_it_ends_where_QEMU_says_and_holds_what_QEMU_says(string name, string options)
    {
        using var qemu = new QemuImages();
        var path = await qemu.CreateAsync(name, options, "64M");
        Assert.Equal(3, (await ImageAgreement.HoldsAsync(qemu, path)).Reads);
        await qemu.WriteAsync(path, Writes);
        Assert.Equal(3, (await ImageAgreement.HoldsAsync(qemu, path)).Reads);
    }

    [Fact]
    public async Task With_snapshots_bitmaps_compression_discards_and_after_a_resize_both_agree()
    {
        using var qemu = new QemuImages();
        var path = await qemu.CreateAsync("busy", "cluster_size=16k", "128M");
        await qemu.WriteAsync(path, "write -P 1 0 8M", "write -P 2 64M 4M");
        await qemu.ImgAsync(path, "snapshot", "-c", "first snapshot");
        await qemu.WriteAsync(path, "write -P 3 2M 1M", "write -c -P 4 20M 1M", "write -c -P 5 30015488 16k");
        await ImageAgreement.HoldsAsync(qemu, path);
        await qemu.ImgAsync(path, "snapshot", "-c", "another, with a longer name than the first");
        await qemu.AnyAsync("bitmap", "--add", "-g", "64k", path, "dirty0");
        await qemu.AnyAsync("bitmap", "--add", "-g", "1M", path, "another bitmap");
        await qemu.WriteAsync(path, "write -P 6 90M 3M", "discard 64M 2M", "write -z -u 1M 512k");
        await ImageAgreement.HoldsAsync(qemu, path);
        await qemu.ImgAsync(path, "snapshot", "-d", "first snapshot");
        await qemu.AnyAsync("resize", "-q", "-f", "qcow2", path, "5G");
        await qemu.WriteAsync(path, "write -P 7 5368643584 64k");
        await ImageAgreement.HoldsAsync(qemu, path);

        using var image = NodeComposition.OpenImage(path);
        Assert.Equal(["dirty0", "another bitmap"], (await Qcow2Bitmaps.ReadAsync(await Qcow2Image.OpenAsync(image))).Select(bitmap => bitmap.Name));
    }

    [Fact]
    public async Task Names_of_backing_and_data_files_are_told_and_the_files_not_opened()
    {
        using var qemu = new QemuImages();
        await qemu.CreateAsync("base", "", "64M");
        var top = await qemu.CreateAsync("top", "", "", "-b", qemu.PathOf("base"), "-F", "qcow2");
        await qemu.WriteAsync(top, "write 1M 64k", "write -z 2M 64k");
        await ImageAgreement.HoldsAsync(qemu, top);
        var data = qemu.PathOf("elsewhere.raw");
        var split = await qemu.CreateAsync("split", $"data_file={data}", "64M");
        await qemu.WriteAsync(split, "write 0 1M", "write 8M 1M", "write -z 8M 64k");
        await ImageAgreement.HoldsAsync(qemu, split);
        var raw = await qemu.CreateAsync("splitraw", $"data_file={qemu.PathOf("other.raw")},data_file_raw=on", "64M");
        await qemu.WriteAsync(raw, "write 5M 1M");
        await ImageAgreement.HoldsAsync(qemu, raw);

        File.Delete(qemu.PathOf("base"));
        File.Delete(data);
        using (var image = NodeComposition.OpenImage(top))
        {
            var opened = await Qcow2Image.OpenAsync(image);
            Assert.Equal((qemu.PathOf("base"), "qcow2"), (opened.Extensions.BackingFile, opened.Extensions.BackingFormat));
            Assert.Equal(3, (await Qcow2End.FindAsync(image)).Reads);
        }
        using (var image = NodeComposition.OpenImage(split))
        {
            Assert.Equal(data, (await Qcow2Image.OpenAsync(image)).Extensions.DataFile);
            Assert.Equal(3, (await Qcow2End.FindAsync(image)).Reads);
        }
    }

    /// Refcounts of a lazy image that was not closed lie: they end before the data do.
    [Fact]
    public async Task A_dirty_image_is_walked_and_its_data_are_not_cut_off()
    {
        using var qemu = new QemuImages();
        var path = await qemu.CreateAsync("dirty", "lazy_refcounts=on", "1G");
        await qemu.WriteAndDieAsync(path, "write 0 10M");
        var end = await ImageAgreement.HoldsAsync(qemu, path);
        Assert.Equal((10813440, true, EndMethod.Walk), (end.EndOffset, end.Dirty, end.Method));

        await qemu.TryAsync("check", "-q", "-r", "all", path);
        end = await ImageAgreement.HoldsAsync(qemu, path);
        Assert.Equal((10944512, false, EndMethod.Refcounts), (end.EndOffset, end.Dirty, end.Method));
    }
}
