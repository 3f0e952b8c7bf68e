using System.Text;
using OvirtSpm.LvmMetadata.Text;

namespace OvirtSpm.Node.HostLvm;

/// <summary>Pure: what to write into <c>lvmlocal.conf</c> so that lvm2 of this host never opens a pool's LUNs, or takes that back.</summary>
/// <remarks>
/// One setting does it: a device that <c>global_filter</c> rejects is not scanned, not activated when it appears, and no command touches it.
/// lvm2 joins the sections of its files, and lvmlocal.conf wins (2.03.16).
/// </remarks>
static class HostSetup
{
    const string Filter = "devices/global_filter";

    /// <exception cref="Refusal">It cannot be told without guessing.</exception>
    public static HostPlan Plan(HostFiles files, IReadOnlyList<HostLun> luns)
    {
        var block = LocalBlock.Find(files.Local);
        var (conf, local) = (Read("lvm.conf", files.Conf ?? []), Read("lvmlocal.conf", Encoding.Latin1.GetBytes(block.Rest)));
        var only = local.Find("devices/use_devicesfile") ?? conf.Find("devices/use_devicesfile");
        if (files.DevicesFile is { } devices && !(only is ["0"]))
        {
            RefuseListed(Encoding.Latin1.GetString(devices), luns);
            if (only is ["1"])
            {
                return new HostPlan.Nothing("lvm2 opens only what its devices file names (devices/use_devicesfile = 1), and none of the LUNs is there");
            }
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
            : new HostPlan.Change(Encoding.Latin1.GetBytes(next.Text), block.Lines, next.Lines, [.. Notes(files, only)]);
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

    static IEnumerable<string> Notes(HostFiles files, IReadOnlyList<string>? only)
    {
        if (files.DevicesFile is not null && only is null)
        {
            yield return "this host has a devices file that does not name the LUNs; where lvm2 goes by it (the default of RHEL 9), it does not open them in any case.";
        }
        yield return "the host's own groups are found as before; an initramfs has a copy of lvm.conf of its own, which matters only where volumes are activated there (dracut -f, update-initramfs -u).";
    }
}
