namespace OvirtSpm.Node.Linux;

/// <summary>A LUN by the name that the storage itself gives it, whatever this host calls it: <c>wwid:3600…</c>.</summary>
/// <param name="sysfs">Another tree in its place, for tests.</param>
sealed class LunByWwid(string sysfs = "/sys")
{
    public const string Prefix = "wwid:";

    /// <returns>The device's path: the multipath device where there is one. What is no wwid stays as it is.</returns>
    /// <exception cref="Refusal">No device has it, or several have and nothing joins them.</exception>
    public string PathOf(string given)
    {
        if (!given.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return given;
        }
        var wanted = Normal(given[Prefix.Length..]);
        var paths = new List<string>();
        string[] devices = Directory.Exists($"{sysfs}/block") ? Directory.GetFileSystemEntries($"{sysfs}/block") : [];
        foreach (var device in devices.Order(StringComparer.Ordinal))
        {
            if (Sysfs.MultipathWwid(device) is { } joined && Normal(joined) == wanted)
            {
                return Sysfs.MapperPath(device);
            }
            var scsi = Sysfs.Text($"{device}/device/wwid");
            var own = string.IsNullOrEmpty(scsi) ? Sysfs.Text($"{device}/wwid") : scsi;
            if (!string.IsNullOrEmpty(own) && Normal(own) == wanted)
            {
                paths.Add("/dev/" + Path.GetFileName(device));
            }
        }
        return paths switch
        {
            [var only] => only,
            [] => throw Refusal.NotFound(
                $"no device of this host has the WWID '{given[Prefix.Length..]}'. Check that the LUN is mapped to this host and logged in (multipath -ll, iscsiadm -m session)."),
            _ => throw Refusal.Conflict(
                $"{string.Join(" and ", paths)} are paths of the LUN '{given[Prefix.Length..]}', and no multipath device joins them. Start multipathd, or name one of them if it shall be used alone."),
        };
    }

    /// <summary>udev and multipath put the kind of the name as a digit in front, the kernel as a word.</summary>
    static string Normal(string wwid) => wwid switch
    {
        ['n', 'a', 'a', '.', .. var rest] => "3" + rest,
        ['e', 'u', 'i', '.', .. var rest] => "2" + rest,
        _ => wwid,
    };
}
