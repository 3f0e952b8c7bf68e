using System.Runtime.InteropServices;
using OvirtSpm.Node.Activation.Mapped;

namespace OvirtSpm.Node.Linux;

/// <summary><c>/dev/mapper/NAME</c> and, as LVM has it, <c>/dev/GROUP/VOLUME</c>, which leads there.</summary>
/// <remarks>Where udev runs they are its business and are waited for; elsewhere (containers, rescue systems), and when it does not come, they are made here.</remarks>
internal static unsafe class DeviceNodes
{
    const string Udev = "/run/udev/control";

    static readonly TimeSpan udevPatience = TimeSpan.FromSeconds(5);

    public static string Make(MapState map, string group, string volume)
    {
        var link = Link(group, volume);
        WaitForUdev(link, map.Number);
        if (NumberOf(link) != map.Number)
        {
            MakeUnlessThere(map);
            Directory.CreateDirectory(Path.GetDirectoryName(link)!);
            File.Delete(link);
            File.CreateSymbolicLink(link, $"../mapper/{map.Name}");
        }
        return link;
    }

    public static string Make(MapState map)
    {
        WaitForUdev(Node(map.Name), map.Number);
        MakeUnlessThere(map);
        return Node(map.Name);
    }

    static void WaitForUdev(string path, string number)
    {
        var started = Environment.TickCount64;
        while (File.Exists(Udev) && NumberOf(path) != number && Environment.TickCount64 - started < udevPatience.TotalMilliseconds)
        {
            Thread.Sleep(20);
        }
    }

    static void MakeUnlessThere(MapState map)
    {
        var node = Node(map.Name);
        if (NumberOf(node) == map.Number)
        {
            return;
        }
        if (map.Number.Split(':') is not [var major, var minor])
        {
            throw new IOException($"'{map.Number}' is no device number.");
        }
        // Of a map that was removed behind our back: the number may be another device's by now.
        File.Delete(node);
        if (Libc.mknod(node, Libc.S_IFBLK | 0x180, Device(uint.Parse(major), uint.Parse(minor))) != 0)
        {
            throw new IOException($"{node} cannot be made: {Errno.Text(Marshal.GetLastPInvokeError())}.");
        }
    }

    public static void Remove(string name)
    {
        if (!File.Exists(Udev))
        {
            File.Delete(Node(name));
        }
    }

    public static void Remove(string name, string group, string volume)
    {
        if (File.Exists(Udev))
        {
            return;
        }
        File.Delete(Node(name));
        var directory = Path.GetDirectoryName(Link(group, volume))!;
        if (!Directory.Exists(directory))
        {
            // lvchange was here before.
            return;
        }
        File.Delete(Link(group, volume));
        if (!Directory.EnumerateFileSystemEntries(directory).Any())
        {
            Directory.Delete(directory);
        }
    }

    /// <returns><c>MAJOR:MINOR</c> of the block device there; null when there is none.</returns>
    public static string? NumberOf(string path)
    {
        FileStatus status;
        return Libc.statx(Libc.AT_FDCWD, path, 0, Libc.STATX_TYPE, &status) == 0 && (status.Mode & Libc.S_IFMT) == Libc.S_IFBLK
            ? $"{status.DeviceMajor}:{status.DeviceMinor}"
            : null;
    }

    static string Node(string name) => $"/dev/mapper/{name}";

    static string Link(string group, string volume) => $"/dev/{group}/{volume}";

    /// <summary>As makedev(3) has it.</summary>
    static ulong Device(uint major, uint minor) =>
        ((ulong)(major & 0xfff) << 8) | ((ulong)(major & ~0xfffu) << 32) | (minor & 0xff) | ((ulong)(minor & ~0xffu) << 12);
}
