using FsCheck.Fluent;
using OvirtSpm.Monitor.Guests;
using OvirtSpm.Monitor.Tests.Doubles;
using OvirtSpm.Monitor.Watermark;

namespace OvirtSpm.Monitor.Tests.Guests;

public class NbdAddressTests
{
    [Theory]
    [InlineData("nbd+unix:///vol1?socket=/tmp/mon/nbd.sock", "/tmp/mon/nbd.sock")]
    [InlineData("nbd+unix://?socket=/a b/c%20d.sock", "/a b/c%20d.sock")]
    [InlineData("""json:{"driver": "nbd", "server": {"type": "unix", "path": "/run/x.sock"}, "export": "v"}""", "/run/x.sock")]
    [InlineData("""json:{"driver": "nbd", "server.type": "unix", "server.path": "/run/x.sock"}""", "/run/x.sock")]
    [InlineData("nbd://host:10809/vol1", null)]
    [InlineData("nbd+unix:///vol1", null)]
    [InlineData("nbd+unix:///vol1?socket=", null)]
    [InlineData("/var/lib/image.raw", null)]
    [InlineData("json:{", null)]
    [InlineData("json:[]", null)]
    [InlineData("""json:{"server": "text"}""", null)]
    [InlineData("""json:{"server": {"path": "\ud800"}}""", null)]
    [InlineData("", null)]
    public void Finds_the_socket(string fileName, string? expected) => Assert.Equal(expected, NbdAddress.SocketPath(fileName));

    [Fact]
    public void Never_throws_whatever_the_name() => Holds.ForAll(
        from prefix in Gen.Elements("", "json:", "json:{", "nbd+unix://", "nbd+unix:///x?socket=")
        from rest in ArbMap.Default.GeneratorFor<string>()
        select prefix + rest,
        name => NbdAddress.SocketPath(name));

    [Fact]
    public void A_volume_is_known_by_its_socket()
    {
        var key = new VolumeKey(new Guid("11111111-2222-3333-4444-555555555555"), new Guid("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"));
        Assert.Equal(key, VolumeKey.FromSocketPath("/run/spm/11111111-2222-3333-4444-555555555555/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee.sock"));
        Assert.Null(VolumeKey.FromSocketPath("/run/spm/11111111-2222-3333-4444-555555555555/backup.sock"));
        Assert.Null(VolumeKey.FromSocketPath("/11111111-2222-3333-4444-555555555555/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"));
        Assert.Null(VolumeKey.FromSocketPath(".sock"));
        Assert.Null(VolumeKey.FromSocketPath(""));
    }
}
