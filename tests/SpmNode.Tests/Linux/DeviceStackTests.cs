using System.Diagnostics;
using OvirtSpm.Node.Linux;

namespace OvirtSpm.Node.Tests.Linux;

/// What lies on what; device-mapper as an imitation of sysfs, loop devices as the kernel has them (Interop).
public sealed class DeviceStackTests : IDisposable
{
    readonly string root = Directory.CreateTempSubdirectory("spm-sysfs-").FullName;

    [Fact]
    public void A_path_below_multipath_is_known_and_a_disk_with_logical_volumes_is_none()
    {
        Assert.SkipUnless(BlockDevice(out var path, out var number), "a block device: this machine shows none in /dev");
        var stack = new DeviceStack(root);
        Assert.Null(stack.MultipathOver(path));
        Holder(number, "dm-3", "LVM-abcdef", "vg-lv");
        Assert.Null(stack.MultipathOver(path));
        Holder(number, "dm-4", "mpath-3600140512345", "3600140512345");
        Assert.Equal("/dev/mapper/3600140512345", stack.MultipathOver(path));
    }

    [Fact]
    public void A_file_and_what_its_file_system_lies_on_overlap_and_two_files_do_not()
    {
        var (one, two) = (Path.Combine(root, "one"), Path.Combine(root, "two"));
        File.WriteAllText(one, "1");
        File.WriteAllText(two, "2");
        File.CreateSymbolicLink(Path.Combine(root, "alias"), one);
        var stack = new DeviceStack();
        Assert.Null(stack.Overlap(one, two));
        Assert.Null(stack.Overlap(one, Path.Combine(root, "alias")));
        Assert.Null(stack.Overlap(one, Path.Combine(root, "absent")));
        var device = Process.Start(new ProcessStartInfo("stat", ["-c", "%Hd:%Ld", one]) { RedirectStandardOutput = true })!.StandardOutput.ReadToEnd().Trim();
        var disk = Directory.GetFiles("/dev").FirstOrDefault(path => DeviceOpening.IdentityOf(path) == $"device {device}");
        Assert.SkipWhen(disk is null, "a file on a block device: the temporary directory lies on none that /dev shows");
        Assert.Contains("lies on", stack.Overlap(one, disk), StringComparison.Ordinal);
        Assert.Contains("lies on it", stack.Overlap(disk, one), StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(root, recursive: true);

    void Holder(string number, string name, string uuid, string mapped)
    {
        var dm = Directory.CreateDirectory(Path.Combine(root, "dev/block", number, "holders", name, "dm")).FullName;
        File.WriteAllText(Path.Combine(dm, "uuid"), uuid + "\n");
        File.WriteAllText(Path.Combine(dm, "name"), mapped + "\n");
    }

    static bool BlockDevice(out string path, out string number)
    {
        path = Directory.GetFiles("/dev").FirstOrDefault(one => DeviceOpening.IdentityOf(one).StartsWith("device ", StringComparison.Ordinal)) ?? "";
        number = path.Length > 0 ? DeviceOpening.IdentityOf(path)["device ".Length..] : "";
        return path.Length > 0;
    }
}
