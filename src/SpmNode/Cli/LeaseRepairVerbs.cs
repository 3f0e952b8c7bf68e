using System.CommandLine;
using OvirtSpm.Leases;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Node.LeaseService;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm lease release</c> and <c>repair</c>: after a host died, or a sector did.</summary>
static class LeaseRepairVerbs
{
    public static Command Release(Option<string> lun, Option<int?> sectorSize, Option<bool> json)
    {
        var name = LeaseVerbs.Name();
        var wait = new Option<bool>("--wait") { Description = "when its holder looks dead, wait until that is proven" };
        var command = new Command("release", "Give back a lease whose holder is gone: never one whose holder lives.") { lun, name, sectorSize, wait, json };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var wanted = UserLeaseName.Checked(parsed.GetValue(name)!);
            // Taken and given back: what proves that it may be taken is the same, and the version grows as for every change of hands.
            await using var lease = await NodeComposition.TakeLeaseAsync(
                parsed.GetValue(lun)!, parsed.GetValue(sectorSize), wanted, parsed.GetValue(wait) ? TimeSpan.FromHours(1) : TimeSpan.Zero,
                note => Console.Error.WriteLine($"spm: {note}"), stop, onlyFromTheDead: true);
            if (await lease.ReleaseAsync() is { } why)
            {
                throw Refusal.Unavailable(why);
            }
            if (parsed.GetValue(json))
            {
                Output.WriteJson(new { name = wanted, state = "free", version = lease.Version });
            }
            else
            {
                Console.Out.WriteLine($"the lease '{wanted}' is free");
            }
            return 0;
        }));
        return command;
    }

    public static Command Repair(Option<string> lun, Option<int?> sectorSize, Option<bool> json)
    {
        var name = new Option<string?>("--name") { Description = "of the lease; without it the SPM's own lease" };
        var yes = new Option<bool>("--yes") { Description = "write; without it only what would be written is shown" };
        var wait = new Option<bool>("--wait") { Description = "when a host concerned holds its host id, wait until it is proven dead" };
        var command = new Command("repair", "Rewrite sectors of a lease that cannot be believed, once their hosts are proven free or dead. Shows first.")
        {
            lun, name, sectorSize, yes, wait, json,
        };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var wanted = parsed.GetValue(name) is { } given ? UserLeaseName.Checked(given) : null;
            var (path, size) = (parsed.GetValue(lun)!, parsed.GetValue(sectorSize));
            if (!parsed.GetValue(yes))
            {
                using var device = NodeComposition.OpenLun(path, readOnly: true, size);
                var look = await RepairOfAsync(await PoolDomain.OpenAsync(device), wanted);
                await PrintAsync(look, await look.FindAsync(), written: false, parsed.GetValue(json));
                return 0;
            }
            return await NodeComposition.AsOfflineHostAsync(path, size, async (domain, membership) =>
            {
                var repair = await RepairOfAsync(domain, wanted);
                var faults = await repair.FindAsync();
                await repair.WriteAsync(faults, parsed.GetValue(wait), membership.Identity.HostId, () => membership.IsValid, stop);
                await PrintAsync(repair, faults, written: true, parsed.GetValue(json));
                return 0;
            }, stop);
        }));
        return command;
    }

    static async Task<LeaseRepair> RepairOfAsync(PoolDomain domain, string? name) => name is null
        ? new LeaseRepair(domain, domain.Leases, domain.SpmLeaseOffset, PoolDomain.SpmResource, NodeComposition.BootClock)
        : new LeaseRepair(domain, domain.ExternalLeases, await new LeaseDirectory(domain).FindAsync(name), name, NodeComposition.BootClock);

    static async Task PrintAsync(LeaseRepair repair, IReadOnlyList<LeaseRepair.Fault> faults, bool written, bool asJson)
    {
        if (asJson)
        {
            Output.WriteJson(new
            {
                written,
                faults = faults.Select(fault => new { fault.Where, error = fault.Error.ToString(), fault.OffsetBytes, fault.Hosts }),
            });
            return;
        }
        if (faults.Count == 0)
        {
            Console.Out.WriteLine("nothing to repair: every sector is believed");
        }
        foreach (var fault in faults)
        {
            Console.Out.WriteLine($"{fault.Where}, byte {fault.OffsetBytes} of the lease: {fault.Error}; {(written ? "rewritten" : "would be rewritten")}");
            if (!written)
            {
                foreach (var holder in await repair.HoldersAsync(fault.Hosts))
                {
                    Console.Out.WriteLine($"  {holder.Name} holds its host id: it must be stopped, or proven dead with --wait, before");
                }
            }
        }
        if (faults.Count > 0 && !written)
        {
            Console.Out.WriteLine("nothing was written; --yes does");
        }
    }
}
