using System.Text;
using OvirtSpm.Volumes.Qcow2;

namespace OvirtSpm.Volumes.Tests.Qcow2;

/// <summary>Impossible images: each refused for its own reason, and before anything is read that it points to.</summary>
public class Qcow2MalformedTests
{
    public static TheoryData<string, Func<MemoryImage, MemoryImage>, Qcow2Fault> Headers => new()
    {
        { "empty", image => image.CutTo(0), Qcow2Fault.NotQcow2 },
        { "three bytes", image => image.CutTo(3), Qcow2Fault.NotQcow2 },
        { "another magic", image => image.With32(0, 0x514649FC), Qcow2Fault.NotQcow2 },
        { "a raw disk", _ => new MemoryImage(new byte[1 << 20]), Qcow2Fault.NotQcow2 },
        { "cut in the header", image => image.CutTo(64), Qcow2Fault.Truncated },
        { "version 1", image => image.With32(4, 1), Qcow2Fault.UnknownVersion },
        { "version 4", image => image.With32(4, 4), Qcow2Fault.UnknownVersion },
        { "unknown feature 5", image => image.With64(72, 1 << 5), Qcow2Fault.UnknownFeature },
        { "unknown feature 62", image => image.With64(72, 1UL << 62), Qcow2Fault.UnknownFeature },
        { "clusters of 2^8", image => image.With32(20, 8), Qcow2Fault.BadClusterSize },
        { "clusters of 2^22", image => image.With32(20, 22), Qcow2Fault.BadClusterSize },
        { "clusters of 2^4294967295", image => image.With32(20, uint.MaxValue), Qcow2Fault.BadClusterSize },
        { "refcounts of 128 bits", image => image.With32(96, 7), Qcow2Fault.BadRefcountWidth },
        { "refcount order 4294967295", image => image.With32(96, uint.MaxValue), Qcow2Fault.BadRefcountWidth },
        { "a header of 103 bytes", image => image.With32(100, 103), Qcow2Fault.BadHeader },
        { "a header larger than a cluster", image => image.With32(100, 1 << 17), Qcow2Fault.BadHeader },
        { "a virtual size beyond the L1", image => image.With64(24, (1UL << 30) + 1), Qcow2Fault.BadVirtualSize },
        { "a virtual size of 2^63", image => image.With64(24, (1UL << 63) + 5), Qcow2Fault.BadVirtualSize },
        { "an L1 of 2^31 entries", image => image.With32(36, 1u << 31), Qcow2Fault.BadTable },
        { "an L1 between clusters", image => image.With64(40, 0x30200), Qcow2Fault.BadTable },
        { "an L1 at 2^63", image => image.With64(40, 1UL << 63), Qcow2Fault.BadTable },
        { "a refcount table between clusters", image => image.With64(48, 0x10200), Qcow2Fault.BadTable },
        { "a refcount table of 2^32 − 1 clusters", image => image.With32(56, uint.MaxValue), Qcow2Fault.BadTable },
        { "no refcount table", image => image.With32(56, 0), Qcow2Fault.BadTable },
        { "2^32 − 1 snapshots", image => image.With32(60, uint.MaxValue), Qcow2Fault.BadTable },
        { "a backing name of 2000 bytes", image => image.With64(8, 528).With32(16, 2000), Qcow2Fault.BadHeader },
        { "a backing name behind the cluster", image => image.With64(8, 1 << 20).With32(16, 8), Qcow2Fault.BadHeader },
        { "compression without its feature", image => { image.Bytes[104] = 1; return image; }, Qcow2Fault.BadCompression },
        { "compression 9", image => { image.Bytes[104] = 9; return image.With64(72, 8); }, Qcow2Fault.BadCompression },
        { "encryption 3", image => image.With32(32, 3), Qcow2Fault.BadEncryption },
        { "LUKS without a header", image => image.With32(32, 2), Qcow2Fault.BadEncryption },
        { "an extension larger than the header", image => image.With32(116, 1 << 30), Qcow2Fault.BadExtension },
        { "extended L2 in small clusters", image => image.With32(20, 9).With64(72, 16).With64(24, 0), Qcow2Fault.BadClusterSize },
    };

    [Theory]
    [MemberData(nameof(Headers))]
    public async Task A_header_that_cannot_be_is_refused_before_anything_else_is_read(string name, Func<MemoryImage, MemoryImage> damage, Qcow2Fault fault)
    {
        var image = damage(MemoryImage.Fixture("plain"));
        var refused = await Assert.ThrowsAsync<Qcow2Refused>(async () => await Qcow2Image.OpenAsync(image));
        Assert.True(refused.Fault == fault, $"{name}: {refused.Fault}, {refused.Message}");
        Assert.InRange(image.Reads, 0, 2);
        Assert.True(refused.Message.Length > 20);
    }

    public static TheoryData<string, Func<MemoryImage, MemoryImage>, Qcow2Fault> Tables => new()
    {
        { "an L1 behind the end", image => image.With64(40, 1UL << 40), Qcow2Fault.Truncated },
        { "an L1 over the header", image => image.With64(40, 0), Qcow2Fault.BadTable },
        { "an L1 over the refcount table", image => image.With64(40, 0x10000), Qcow2Fault.BadTable },
        { "a refcount table behind the end", image => image.With64(48, 1UL << 41), Qcow2Fault.Truncated },
        { "snapshots behind the end", image => image.With32(60, 3).With64(64, 1UL << 30), Qcow2Fault.Truncated },
        { "a refcount block behind the end", image => image.With64(0x10000, 1UL << 41), Qcow2Fault.Truncated },
        { "a refcount block between clusters", image => image.With64(0x10000, 0x20200), Qcow2Fault.BadEntry },
        { "a refcount block with reserved bits", image => image.With64(0x10000, 0x20001), Qcow2Fault.BadEntry },
        { "an L2 between clusters, dirty", image => image.With64(72, 1).With64(0x30000, 0x20200), Qcow2Fault.BadEntry },
        { "an L2 behind the end, dirty", image => image.With64(72, 1).With64(0x30000, 1UL << 40), Qcow2Fault.Truncated },
    };

    [Theory]
    [MemberData(nameof(Tables))]
    public async Task Tables_that_cannot_be_have_no_end(string name, Func<MemoryImage, MemoryImage> damage, Qcow2Fault fault)
    {
        var refused = await Assert.ThrowsAsync<Qcow2Refused>(async () => await Qcow2End.FindAsync(damage(MemoryImage.Fixture("plain"))));
        Assert.True(refused.Fault == fault, $"{name}: {refused.Fault}, {refused.Message}");
    }

    /// Every entry of a large L1 points to one L2 table: an honest reader would read it four million times.
    [Fact]
    public async Task Tables_that_are_reached_over_and_over_are_read_once_or_refused()
    {
        var bytes = new byte[33 << 20];
        MemoryImage.Fixture("plain").Bytes.CopyTo(bytes, 0);
        var image = new MemoryImage(bytes).With32(36, (32 << 20) / 8).With64(40, 1 << 20).With64(72, 1);
        for (var at = 1 << 20; at < bytes.Length; at += 8)
        {
            image.With64(at, 0x40000);
        }
        var end = await Qcow2End.FindAsync(image);
        Assert.Equal(33 << 20, end.EndOffset);
        Assert.InRange(image.BytesRead, 32 << 20, 34 << 20);
        var refused = await Assert.ThrowsAsync<Qcow2Refused>(async () => await Qcow2Check.RunAsync(image));
        Assert.Equal(Qcow2Fault.TooMuchMetadata, refused.Fault);
    }

    [Fact]
    public async Task What_a_reader_may_ignore_is_ignored()
    {
        var image = MemoryImage.Fixture("plain").With64(80, 1 << 5).With64(88, 1 << 5);
        Assert.Equal(262144, (await Qcow2End.FindAsync(image)).EndOffset);
    }

    [Fact]
    public async Task A_backing_name_that_is_an_order_to_open_something_is_only_a_string()
    {
        const string Name = "json:{\"driver\":\"file\",\"filename\":\"/etc/shadow\"}";
        var image = MemoryImage.Fixture("plain").With64(8, 1024).With32(16, (uint)Name.Length);
        Encoding.UTF8.GetBytes(Name, image.Bytes.AsSpan(1024));
        Assert.Equal(Name, (await Qcow2Image.OpenAsync(image)).Extensions.BackingFile);
    }
}
