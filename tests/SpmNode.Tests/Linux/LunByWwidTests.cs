using OvirtSpm.Node.Linux;

namespace OvirtSpm.Node.Tests.Linux;

/// An imitation of sysfs; the kernel's own is in the laboratory.
public sealed class LunByWwidTests : IDisposable
{
    const string Wwid = "35000c50015ea71aa";

    readonly string root = Directory.CreateTempSubdirectory("spm-sysfs-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public void The_multipath_device_comes_before_its_paths()
    {
        Put("sda/device/wwid", "naa.5000c50015ea71aa");
        Assert.Equal("/dev/sda", Find());
        Put("sdb/device/wwid", "naa.5000c50015ea71aa");
        Assert.Contains("/dev/sda and /dev/sdb are paths", Assert.Throws<Refusal>(Find).Message);
        Put("dm-7/dm/uuid", "mpath-" + Wwid);
        Put("dm-7/dm/name", "data");
        Assert.Equal("/dev/mapper/data", Find());
        Assert.Equal("/dev/mapper/data", new LunByWwid(root).PathOf("wwid:naa.5000c50015ea71aa"));
    }

    [Fact]
    public void Devices_with_other_names_or_none_are_not_taken()
    {
        Put("sda/device/wwid", "naa.5000c50015ea71ab");
        Put("dm-1/dm/uuid", "LVM-" + Wwid);
        Put("loop0/size", "0");
        Assert.Contains("no device of this host has the WWID", Assert.Throws<Refusal>(Find).Message);
        Assert.Throws<Refusal>(() => new LunByWwid(root).PathOf("wwid:"));
        Put("nvme0n1/wwid", "eui.0025385b21404321");
        Assert.Equal("/dev/nvme0n1", new LunByWwid(root).PathOf("wwid:20025385b21404321"));
    }

    [Fact]
    public void A_path_stays_as_it_is() => Assert.Equal("/dev/mapper/x", new LunByWwid(root).PathOf("/dev/mapper/x"));

    string Find() => new LunByWwid(root).PathOf("wwid:" + Wwid);

    void Put(string path, string text)
    {
        var file = Path.Combine(root, "block", path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text + "\n");
    }
}
