using System.CommandLine;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.HostLvm;
using OvirtSpm.Node.Linux;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm host setup</c>: what this host's lvm2 should be told so that it never opens a pool's LUNs.</summary>
static class HostSetupVerb
{
    public static Command Create()
    {
        var lun = new Option<string[]>("--lun") { Description = "a LUN of the pool, its first device among them; several times for several", DefaultValueFactory = _ => [] };
        var root = new Option<string>("--root") { Description = "where the host's file system is, e.g. a mounted image", DefaultValueFactory = _ => "/" };
        var sectorSize = CommonOptions.SectorSize();
        var yes = new Option<bool>("--yes") { Description = "really; without it only the change is shown, and nothing is written" };
        var undo = new Option<bool>("--undo") { Description = "show how that is taken back; with --yes take it back" };
        var command = new Command("setup", "Show what keeps this host's lvm2 away from the pool's LUNs (lvmlocal.conf), and with --yes write it.") { lun, root, sectorSize, yes, undo };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            var folder = new LvmFolder(parsed.GetValue(root)!);
            var (luns, back) = (parsed.GetValue(lun)!, parsed.GetValue(undo));
            if (luns.Length == 0 != back)
            {
                throw Refusal.Invalid(back ? "--undo takes everything back that was set up here; it goes without --lun." : "which LUN? Give --lun, once for each device of the pool.");
            }
            var plan = back ? HostSetup.Undo(folder.Read()) : HostSetup.Plan(folder.Read(), await LookAsync(luns, parsed.GetValue(sectorSize)));
            Show(plan, folder.Local, parsed.GetValue(yes), back);
            if (plan is HostPlan.Change change && parsed.GetValue(yes))
            {
                folder.Write(change.Local, keep: !back);
            }
            return 0;
        }));
        return command;
    }

    /// <remarks>What is hidden from lvm2 may be what this host starts from: only devices of a storage domain, and disks without a label.</remarks>
    static async Task<IReadOnlyList<HostLun>> LookAsync(string[] paths, int? sectorSize)
    {
        var (found, members, labels) = (new List<HostLun>(), new HashSet<string>(), new List<(string Path, string Pv)>());
        foreach (var path in paths)
        {
            using var device = NodeComposition.OpenLun(path, readOnly: true, sectorSize);
            var group = (await device.ReadGroupAsync()).Group;
            if (group is not null && PoolTags.StateOf(group.Tags) != DomainState.Ready)
            {
                throw Refusal.Conflict($"{path} belongs to volume group '{group.Name}', which is not a storage domain: this host may need it. Nothing is changed.");
            }
            members.UnionWith(group?.PhysicalVolumes.Select(pv => pv.Uuid.Compact) ?? []);
            var pv = (await NewPhysicalVolume.ReadLabelAsync(device.Metadata))?.PvUuid.Compact;
            if (pv is not null)
            {
                labels.Add((path, pv));
            }
            var (names, stable) = LvmFolder.NamesOf(path);
            found.Add(new HostLun(path, names, stable, pv));
        }
        return labels.FirstOrDefault(label => !members.Contains(label.Pv)) is { Path: { } stray }
            ? throw Refusal.Conflict($"{stray} is a physical volume of no storage domain given here: this host may need it. If it is a further device of a pool, give the pool's first one, too.")
            : found;
    }

    static void Show(HostPlan plan, string path, bool written, bool back)
    {
        switch (plan)
        {
            case HostPlan.Nothing nothing:
                Console.Out.WriteLine($"Nothing is to be done: {nothing.Why}.");
                break;
            case HostPlan.Change change:
                Console.Out.WriteLine($"--- {path}\n+++ {path}{(change.Local is null ? " (goes away)" : "")}");
                foreach (var line in change.Removed.Select(line => "-" + line).Concat(change.Added.Select(line => "+" + line)))
                {
                    Console.Out.WriteLine(line);
                }
                foreach (var note in change.Notes)
                {
                    Console.Out.WriteLine($"Note: {note}");
                }
                Console.Out.WriteLine(!written ? "Nothing was written. Say --yes to do it."
                    : back ? $"{path} is as it was." : $"{path} is written. 'spm host setup --undo --yes' takes it back.");
                break;
        }
    }
}
