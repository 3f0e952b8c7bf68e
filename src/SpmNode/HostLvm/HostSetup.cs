using System.Text;
using System.Text.RegularExpressions;
using OvirtSpm.LvmMetadata.Text;

namespace OvirtSpm.Node.HostLvm;

/// <summary>Pure: what to write into <c>lvmlocal.conf</c> so that lvm2 of this host never opens a pool's LUNs, or takes that back.</summary>
/// <remarks>
/// One setting does it: a device that <c>global_filter</c> rejects is not scanned, not activated when it appears, and no command touches it.
/// lvm2 joins the sections of its files, and lvmlocal.conf wins (2.03.16).
/// </remarks>
static partial class HostSetup
{
    const string Filter = "devices/global_filter";

    const string Initramfs = "the host's own groups are found as before. An initramfs has its own copy of these files, which matters only where a group is activated there (dracut -f, update-initramfs -u).";

    /// <exception cref="Refusal">It cannot be told without guessing.</exception>
    public static HostPlan Plan(HostFiles files, IReadOnlyList<HostLun> luns)
    {
        var block = LocalBlock.Find(files.Local);
        var (conf, local) = (Read("lvm.conf", files.Conf ?? []), Read("lvmlocal.conf", Encoding.Latin1.GetBytes(block.Rest)));
        if (files.DevicesFile is { } devices && UsesDevicesFile(conf, local, files.Conf ?? []))
        {
            RefuseListed(Encoding.Latin1.GetString(devices), luns);
            return new HostPlan.Nothing("lvm2 opens only what its devices file names (devices/use_devicesfile = 1), and none of the LUNs is there");
        }
        if (local.Find(Filter) is { } own)
        {
            return luns.All(lun => DeviceFilter.Judge(own, lun.Names).Rejected)
                ? new HostPlan.Nothing($"lvmlocal.conf rejects them already in its own {Filter}")
                : throw Refusal.Conflict($"lvmlocal.conf has a {Filter} of its own; it is not replaced. Put these in front of its patterns: {string.Join(", ", luns.SelectMany(Wanted).Select(pattern => $"\"{pattern}\""))}.");
        }
        var others = conf.Find(Filter) ?? [];
        if (block.Lines.Count == 0 && luns.All(lun => DeviceFilter.Judge(others, lun.Names).Rejected))
        {
            return new HostPlan.Nothing($"{Filter} of lvm.conf rejects them already");
        }
        List<string> ours = [.. block.Patterns.Concat(luns.SelectMany(Wanted)).Distinct().Order(StringComparer.Ordinal)];
        foreach (var lun in luns)
        {
            if (DeviceFilter.Judge([.. ours, .. others], lun.Names) is { Rejected: false } open)
            {
                throw Refusal.Conflict($"{lun.Path} would stay open to lvm2: its name {open.AcceptedName} is accepted by '{open.AcceptedBy}' in {Filter} of lvm.conf, and one accepted name is enough. Take that pattern out or make it narrower; without any that matches, lvm2 accepts a device anyway.");
            }
        }
        var next = block.With(ours, others);
        return next.Text == block.Text
            ? new HostPlan.Nothing("lvmlocal.conf says so already")
            : new HostPlan.Change(Encoding.Latin1.GetBytes(next.Text), block.Lines, next.Lines, [Initramfs]);
    }

    public static HostPlan Undo(HostFiles files)
    {
        var block = LocalBlock.Find(files.Local);
        return block.Lines.Count == 0
            ? new HostPlan.Nothing("lvmlocal.conf has no lines of 'spm host setup'")
            : new HostPlan.Change(block.Rest.Length == 0 ? null : Encoding.Latin1.GetBytes(block.Rest), block.Lines, [], []);
    }

    static IEnumerable<string> Wanted(HostLun lun) => lun.Stable.Where(DeviceFilter.CanBeNamed).Select(DeviceFilter.Rejecting) is var patterns && patterns.Any()
        ? patterns
        : throw Refusal.Conflict($"{lun.Path} has no name that stays the same: after the next start it may be another disk, perhaps one that this host starts from. Give it as /dev/mapper/… or /dev/disk/by-id/….");

    static LvmSettings Read(string name, byte[] text) =>
        LvmSettings.TryParse(text, out var settings) is { } problem ? throw Refusal.Conflict($"{name} cannot be read ({problem}); nothing is changed. lvmconfig --validate shows what lvm2 says.") : settings;

    static void RefuseListed(string devices, IReadOnlyList<HostLun> luns)
    {
        var words = devices.Split([' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries).ToHashSet(StringComparer.Ordinal);
        foreach (var lun in luns)
        {
            if (lun.PvUuid is { } uuid && words.Contains($"PVID={uuid}") || lun.Names.Any(name => words.Contains($"IDNAME={name}") || words.Contains($"DEVNAME={name}")))
            {
                throw Refusal.Conflict($"{lun.Path} is in lvm2's devices file, so lvm2 opens it whatever a filter says. Take it out: lvmdevices --deldev {lun.Path}");
            }
        }
    }

    /// <remarks>With it lvm2 ignores every filter, and complains of one. What it does when nobody says is built in; its own lvm.conf shows that in a comment.</remarks>
    static bool UsesDevicesFile(LvmSettings conf, LvmSettings local, byte[] text)
    {
        const string Name = "devices/use_devicesfile";
        var said = (local.Find(Name) ?? conf.Find(Name))?.FirstOrDefault()
            ?? (BuiltIn().Match(Encoding.Latin1.GetString(text)) is { Success: true } shown ? shown.Groups[1].Value : null);
        return said is null
            ? throw Refusal.Conflict($"this host has a devices file, and lvm.conf does not say whether lvm2 goes by it. Write {Name} = 1 or 0 into lvm.conf ('lvmconfig --typeconfig full {Name}' shows what it is now), then ask again.")
            : said != "0";
    }

    [GeneratedRegex(@"^[ \t]*#[ \t]*use_devicesfile[ \t]*=[ \t]*([01])[ \t]*\r?$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex BuiltIn();
}
