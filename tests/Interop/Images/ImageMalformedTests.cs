using System.Buffers.Binary;
using OvirtSpm.Node;
using OvirtSpm.Volumes.Qcow2;

namespace OvirtSpm.Interop.Images;

/// <summary>Headers with a wrong field: whatever QEMU does not open, we refuse, and what it opens, we read.</summary>
public sealed class ImageMalformedTests
{
    static readonly (int At, int Width, ulong Value)[] Damages =
    [
        (0, 4, 0x514649FC), (4, 4, 1), (4, 4, 4), (8, 8, 0), (16, 4, 2000), (20, 4, 8), (20, 4, 22), (24, 8, (1UL << 30) + 1), (24, 8, 0), (24, 8, (1UL << 63) + 5),
        (24, 8, 4096), (32, 4, 2), (32, 4, 3), (36, 4, 1), (36, 4, 1u << 31), (40, 8, 0x30200), (40, 8, 1UL << 63), (48, 8, 0x10200), (48, 8, 1UL << 63), (56, 4, 0),
        (56, 4, 129), (60, 4, 65537), (72, 8, 1), (72, 8, 2), (72, 8, 1 << 5), (72, 8, 1UL << 62), (72, 8, 8), (80, 8, 1 << 5), (88, 8, 1 << 5), (96, 4, 7), (96, 4, 0),
        (96, 4, 6), (100, 4, 96), (100, 4, 103), (100, 4, 1 << 17), (104, 1, 1), (112, 4, 0x12345678), (116, 4, 1 << 30),
    ];

    [Fact]
    public async Task Headers_that_QEMU_opens_are_read_and_those_it_does_not_are_refused()
    {
        using var qemu = new QemuImages();
        var path = await qemu.CreateAsync("plain", "", "1G");
        var original = await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken);
        foreach (var (at, width, value) in Damages)
        {
            var bytes = original.ToArray();
            var field = new byte[8];
            BinaryPrimitives.WriteUInt64BigEndian(field, value);
            field.AsSpan(8 - width).CopyTo(bytes.AsSpan(at));
            await File.WriteAllBytesAsync(path, bytes, TestContext.Current.CancellationToken);
            var (_, code) = await qemu.TryAsync("info", "-f", "qcow2", "--output=json", path);
            var ours = await RefusalAsync(path);
            Assert.True((code == 0) == (ours is null), $"{at}: {width} bytes of {value:x}: QEMU's exit code is {code}, ours: {ours?.Message ?? "read"}");
        }
    }

    [Fact]
    public async Task What_a_header_says_is_what_QEMU_reads_from_it()
    {
        using var qemu = new QemuImages();
        foreach (var (name, options) in new[] { ("plain", ""), ("old", "compat=0.10"), ("lazy", "lazy_refcounts=on,refcount_bits=8"), ("ext", "extended_l2=on,compression_type=zstd") })
        {
            var path = await qemu.CreateAsync(name, options, "1000M");
            var theirs = await qemu.InfoAsync(path);
            var specific = theirs.GetProperty("format-specific").GetProperty("data");
            using var area = NodeComposition.OpenImage(path);
            var ours = (await Qcow2Image.OpenAsync(area)).Header;
            Assert.Equal(theirs.GetProperty("virtual-size").GetInt64(), ours.VirtualSizeBytes);
            Assert.Equal(theirs.GetProperty("cluster-size").GetInt32(), ours.ClusterBytes);
            Assert.Equal(specific.GetProperty("compat").GetString(), ours.Version == 2 ? "0.10" : "1.1");
            Assert.Equal(specific.GetProperty("refcount-bits").GetInt32(), ours.RefcountBits);
            Assert.Equal(specific.GetProperty("compression-type").GetString(), ours.Compression.ToString().ToLowerInvariant());
            if (ours.Version > 2)
            {
                Assert.Equal(specific.GetProperty("lazy-refcounts").GetBoolean(), ours.Compatible.HasFlag(Qcow2Compatible.LazyRefcounts));
                Assert.Equal(specific.GetProperty("extended-l2").GetBoolean(), ours.HasExtendedL2);
                Assert.Equal(specific.GetProperty("corrupt").GetBoolean(), ours.IsCorrupt);
            }
        }
    }

    static async Task<Qcow2Refused?> RefusalAsync(string path)
    {
        using var area = NodeComposition.OpenImage(path);
        try
        {
            await Qcow2Image.OpenAsync(area);
            return null;
        }
        catch (Qcow2Refused refused)
        {
            return refused;
        }
    }
}
