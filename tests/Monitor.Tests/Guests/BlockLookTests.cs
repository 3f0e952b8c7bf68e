using System.Text;
using System.Text.Json;
using FsCheck.Fluent;
using OvirtSpm.Monitor.Guests;
using OvirtSpm.Monitor.Tests.Doubles;

namespace OvirtSpm.Monitor.Tests.Guests;

public class BlockLookTests
{
    private static readonly string[] Replies = [.. new[] { "nodes", "stats", "devices", "status" }.Select(Fixture)];

    [Fact]
    public void Reads_what_a_real_QEMU_printed()
    {
        var look = Read(Replies);
        Assert.Equal("io-error", look.RunStatus);
        Assert.Equal(
            [new("#block057", "file", "boot.img", true, 0), new("boot", "raw", "boot.img", true, 0),
             new("vol1", "qcow2", "nbd+unix:///vol1?socket=/run/nbd.sock", false, 0),
             new("vol1-nbd", "nbd", "nbd+unix:///vol1?socket=/run/nbd.sock", false, 7 << 20)],
            look.Nodes.Values.OrderBy(node => node.NodeName, StringComparer.Ordinal));
        Assert.Equal("/run/nbd.sock", Assert.Single(look.Nodes.Values, node => node.NbdSocketPath is not null).NbdSocketPath);
        Assert.Equal(2162688, look.HighestBytes["vol1-nbd"]);
        Assert.Equal("vol1-nbd", BlockLook.Bottom(look.Below, "vol1"));
        Assert.Equal("vol1-nbd", BlockLook.Bottom(look.Below, "vol1-nbd"));
        Assert.Equal("unknown", BlockLook.Bottom(look.Below, "unknown"));
        Assert.Contains(new DeviceStatus("/machine/peripheral/disk0/virtio-backend", "vol1", "failed"), look.Devices);
    }

    /// As QEMU 7.2 prints "driver=host_device,filename=/dev/loop1" and a raw node on it: the upper one repeats the name.
    [Fact]
    public void Only_the_node_that_has_a_device_open_has_its_path()
    {
        Assert.Equal("/dev/vg/lv", new NodeDescription("spm-x", "host_device", "/dev/vg/lv", false, 0).DevicePath);
        Assert.Null(new NodeDescription("disk", "raw", "/dev/vg/lv", false, 0).DevicePath);
        Assert.Null(new NodeDescription("boot", "file", "/boot.img", false, 0).DevicePath);
    }

    [Fact]
    public void A_ring_of_links_ends() =>
        Assert.NotEmpty(BlockLook.Bottom(new Dictionary<string, string> { ["a"] = "b", ["b"] = "a" }, "a"));

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("3")]
    [InlineData("""[1, null, [], {"node-name": 3, "stats": 4, "parent": 5, "inserted": 6, "io-status": 7, "status": 8}]""")]
    [InlineData("""[{"node-name": "n", "stats": {"wr_highest_offset": 1e400}, "parent": {"node-name": "\ud800"}, "write_threshold": -1}]""")]
    public void Replies_of_another_shape_are_read_as_nothing(string reply)
    {
        var look = Read([reply, reply, reply, reply]);
        Assert.Equal("unknown", look.RunStatus);
        Assert.Empty(look.HighestBytes);
        Assert.Empty(look.Below);
    }

    [Fact]
    public void Never_throws_on_replies_with_some_bytes_changed() => Holds.ForAll(
        from reply in Gen.Choose(0, 3)
        from changes in Gen.Choose(0, 10_000).SelectMany(at => Gen.Choose(32, 126).Select(value => (at, value))).ArrayOf().Resize(8)
        select (reply, changes),
        sample =>
        {
            var bytes = Encoding.UTF8.GetBytes(Replies[sample.reply]);
            foreach (var (at, value) in sample.changes)
                bytes[at % bytes.Length] = (byte)value;
            var changed = Replies.ToArray();
            changed[sample.reply] = Encoding.UTF8.GetString(bytes);
            try
            {
                JsonDocument.Parse(changed[sample.reply]).Dispose();
            }
            catch (JsonException)
            {
                return; // the session ends before it gets here
            }
            Assert.All(Read(changed).Nodes.Values, node => Assert.NotEmpty(node.NodeName));
        }, tests: 2000);

    private static BlockLook Read(string[] replies)
    {
        var elements = replies.Select(reply => JsonDocument.Parse(reply).RootElement).ToArray();
        return BlockLook.Read(elements[0], elements[1], elements[2], elements[3]);
    }

    private static string Fixture(string name) =>
        File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fixtures", $"qemu-7.2-{name}.json"));
}
