using OvirtSpm.LvmMetadata.Mapping;
using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Tests;

public class LvmDeviceNameTests
{
    private const string Group = "KrjZLq-dWcq-7GQc-3ZTH-lUfo-3rTL-I3xYgX", Volume = "0VcKSK-d2nE-hfKp-LMAH-pS0X-0Bsk-cQtO3b";

    [Theory]
    [InlineData("vg", "lv", "vg-lv")]
    [InlineData("a-b", "c", "a--b-c")]
    [InlineData("a", "b-c", "a-b--c")]
    [InlineData("a-", "-b", "a-----b")]
    public void Hyphens_of_the_names_are_doubled(string group, string volume, string name) => Assert.Equal(name, LvmDeviceName.Of(group, volume));

    [Fact]
    public void A_uuid_is_both_without_their_hyphens_and_leads_back_to_the_volume()
    {
        Assert.True(LvmUuid.TryParse(Group, out var group));
        Assert.True(LvmUuid.TryParse(Volume, out var volume));
        var uuid = LvmDeviceName.UuidOf(group, volume);
        Assert.Equal("LVM-KrjZLqdWcq7GQc3ZTHlUfo3rTLI3xYgX0VcKSKd2nEhfKpLMAHpS0X0BskcQtO3b", uuid);
        Assert.True(LvmDeviceName.TryParse(uuid, group, out var found));
        Assert.Equal(volume, found);
        Assert.False(LvmDeviceName.TryParse(uuid, volume, out _));
        Assert.False(LvmDeviceName.TryParse(uuid + "-real", group, out _));
        Assert.False(LvmDeviceName.TryParse("mpath-" + uuid, group, out _));
        Assert.False(LvmDeviceName.TryParse("", group, out _));
    }
}
