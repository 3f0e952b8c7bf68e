using System.CommandLine;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm domain adopt</c> and <c>release</c>: a domain that oVirt wrote is led from here, and given back.</summary>
static class AdoptVerbs
{
    static readonly Option<string> lun = new("--lun") { Description = "the shared LUN: a block device, or a file standing in for one", Required = true };
    static readonly Option<int?> sectorSize = CommonOptions.SectorSize();
    static readonly Option<bool> wait = CommonOptions.WaitForDead();

    public static Command Adopt()
    {
        var ioTimeout = new Option<int>("--io-timeout") { Description = "T in seconds: how long one I/O may take; oVirt's is 10", DefaultValueFactory = _ => 10 };
        var watchdog = new Option<int>("--watchdog-timeout") { Description = "W in seconds; 0 where no host has a watchdog (unsafe)", DefaultValueFactory = _ => 60 };
        var yes = new Option<bool>("--yes") { Description = "really; without it only what would be added is shown, and nothing is written" };
        var command = new Command("adopt", "Lead a domain that oVirt made (version 5): adds the volume 'spm' and our tags, nothing else changes. Refused while a host is in it.")
        {
            lun, ioTimeout, watchdog, yes, wait, sectorSize,
        };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var options = new AdoptionOptions(parsed.GetValue(ioTimeout), parsed.GetValue(watchdog), parsed.GetValue(wait));
            using var device = NodeComposition.OpenLun(parsed.GetValue(lun)!, readOnly: !parsed.GetValue(yes), parsed.GetValue(sectorSize));
            var domain = await StorageDomain.OpenAnyAsync(device);
            if (domain is PoolDomain)
            {
                Console.Out.WriteLine($"domain {domain.Uuid} has its volume 'spm' already; nothing is to be done.");
                return 0;
            }
            var plan = await AdoptionPlan.MakeAsync(domain, options);
            if (!parsed.GetValue(yes))
            {
                await ShowAsync(plan);
                return 0;
            }
            var adopted = await NodeComposition.AdoptAsync(device, options, stop);
            Console.Out.WriteLine($"domain {adopted.Uuid} is adopted: epoch {adopted.Group.Epoch}, seqno {adopted.Group.Seqno}. 'spm domain release' gives it back.");
            return 0;
        }));
        return command;
    }

    public static Command Release()
    {
        var yes = new Option<bool>("--yes") { Description = "really: no node serves this domain afterwards" };
        var command = new Command("release", "Give a domain back to oVirt: the volume 'spm' and our tags go, nothing else changes. Refused while a host is in it or a volume is active.")
        {
            lun, yes, wait, sectorSize,
        };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var path = parsed.GetValue(lun)!;
            using (var device = NodeComposition.OpenLun(path, readOnly: true, parsed.GetValue(sectorSize)))
            {
                var domain = await StorageDomain.OpenAnyAsync(device);
                if (domain is not PoolDomain)
                {
                    Console.Out.WriteLine($"domain {domain.Uuid} has no volume 'spm'; nothing is to be done.");
                    return 0;
                }
                if (!parsed.GetValue(yes))
                {
                    throw Refusal.Conflict($"{path}: host records, activation maps and the journal of domain {domain.Uuid} would be lost, its volumes would stay. Say --yes if that is meant.");
                }
            }
            await NodeComposition.ReleaseDomainAsync(path, parsed.GetValue(sectorSize), parsed.GetValue(wait), stop);
            Console.Out.WriteLine($"{path} is oVirt's again; 'spm domain adopt' takes it back.");
            return 0;
        }));
        return command;
    }

    static async Task ShowAsync(AdoptionPlan plan)
    {
        Console.Out.WriteLine($"domain {plan.Domain.Uuid}, version {plan.Domain.Description.Version}, {plan.Domain.Group.LogicalVolumes.Length} logical volumes. Would be added, in one commit:");
        Console.Out.WriteLine($"  logical volume 'spm', {DomainLimits.ExtentBytes >> 20} MiB at extent {plan.Place.StartExtent} (byte {plan.OffsetBytes} of the LUN)");
        foreach (var tag in plan.Tags.Append($"{PoolTags.EpochPrefix}<version of the SPM lease>"))
        {
            Console.Out.WriteLine($"  volume group tag {tag}");
        }
        foreach (var note in plan.Notes)
        {
            Console.Out.WriteLine($"Note: {note}");
        }
        foreach (var holder in await HostWatch.HeldAsync(plan.Domain))
        {
            Console.Out.WriteLine($"In the way: {holder.Name} is held.");
        }
        Console.Out.WriteLine("Nothing was written. Say --yes to do it.");
    }
}
