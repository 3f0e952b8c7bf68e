using System.CommandLine;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm domain …</c>, straight on the LUN.</summary>
static class DomainVerbs
{
    static readonly Option<string> lun = new("--lun") { Description = "the shared LUN: a block device, or a file standing in for one", Required = true };
    static readonly Option<bool> json = CommonOptions.Json();
    static readonly Option<int?> sectorSize = CommonOptions.SectorSize();

    public static Command Create() => new("domain", "Storage domains: create, info, check, gc, adopt, release, remove")
    {
        CreateDomain(), Info(), Check(), GarbageVerb.Create(), AdoptVerbs.Adopt(), AdoptVerbs.Release(), Remove(),
    };

    static Command CreateDomain()
    {
        var ioTimeout = new Option<int>("--io-timeout") { Description = "T in seconds: how long one I/O may take", DefaultValueFactory = _ => 10 };
        var watchdog = new Option<int>("--watchdog-timeout") { Description = "W in seconds; 0 where no host has a watchdog (unsafe)", DefaultValueFactory = _ => 60 };
        var extent = new Option<string>("--extent-size") { Description = "128M is oVirt's; others make the domain ours alone", DefaultValueFactory = _ => "128M" };
        var description = new Option<string>("--description") { Description = "a name for people", DefaultValueFactory = _ => "" };
        var wipe = new Option<bool>("--wipe") { Description = "overwrite whatever is on the LUN" };
        var wait = CommonOptions.WaitForDead();
        var uuid = new Option<Guid?>("--uuid") { Description = "the domain's uuid; a random one unless given" };
        var command = new Command("create", "Make a storage domain on an empty LUN of at least 10 GiB.") { lun, ioTimeout, watchdog, extent, description, wipe, wait, uuid, sectorSize, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            var options = new DomainOptions(
                parsed.GetValue(uuid) ?? Guid.NewGuid(), parsed.GetValue(description)!, parsed.GetValue(ioTimeout), parsed.GetValue(watchdog),
                Sizes.Parse(parsed.GetValue(extent)!), parsed.GetValue(wipe), parsed.GetValue(wait));
            using var device = NodeComposition.OpenLun(parsed.GetValue(lun)!, readOnly: false, parsed.GetValue(sectorSize));
            var domain = await NodeComposition.Creator(device).CreateAsync(options);
            if (options.WatchdogTimeoutSeconds == 0)
            {
                await Console.Error.WriteLineAsync(
                    "spm: watchdog timeout 0: nothing resets a host that hangs with the lease. One host acknowledges changes at any moment, but a write already queued may land late.");
            }
            Print(parsed, domain);
            return 0;
        }));
        return command;
    }

    static Command Info()
    {
        var command = new Command("info", "What domain is on a LUN.") { lun, sectorSize, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            using var device = NodeComposition.OpenLun(parsed.GetValue(lun)!, readOnly: true, parsed.GetValue(sectorSize));
            Print(parsed, await StorageDomain.OpenAnyAsync(device));
            return 0;
        }));
        return command;
    }

    static Command Check()
    {
        var command = new Command("check", "Read everything on a LUN and say what cannot be believed. Writes nothing.") { lun, sectorSize, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            using var device = NodeComposition.OpenLun(parsed.GetValue(lun)!, readOnly: true, parsed.GetValue(sectorSize));
            return Output.Report(await DomainCheck.RunAsync(device), parsed.GetValue(json));
        }));
        return command;
    }

    static Command Remove()
    {
        var wait = CommonOptions.WaitForDead();
        var yes = new Option<bool>("--yes") { Description = "really: every volume of the domain is lost" };
        var command = new Command("remove", "Forget a domain: its LUN is empty afterwards. Refused while a host is alive in it.") { lun, sectorSize, yes, wait };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            using var device = NodeComposition.OpenLun(parsed.GetValue(lun)!, readOnly: false, parsed.GetValue(sectorSize));
            await new DomainRemoval(device, NodeComposition.BootClock).RemoveAsync(parsed.GetValue(yes), parsed.GetValue(wait), stop);
            return 0;
        }));
        return command;
    }

    static void Print(ParseResult parsed, StorageDomain domain)
    {
        var group = domain.Group;
        var reply = new DomainReply(
            domain.Uuid.ToString(), domain.Lun.Path, group.Uuid.ToString(), domain.Lun.SizeBytes, group.TotalExtents * group.ExtentSizeBytes,
            group.FreeExtents * group.ExtentSizeBytes, group.ExtentSizeBytes, domain.Lun.SectorSize, domain.Tags.IoTimeoutSeconds,
            domain.Tags.WatchdogTimeoutSeconds, group.Epoch ?? 0, group.Seqno, !domain.Tags.NotForOvirt, domain.Description.Version, domain is PoolDomain);
        if (parsed.GetValue(json))
        {
            Output.WriteJson(reply);
            return;
        }
        Output.WriteTable(["", ""],
        [
            ["domain", reply.Domain],
            ["LUN", $"{reply.Lun}, {SizeText.Format(reply.LunBytes)}, sectors of {reply.SectorSize} bytes"],
            ["space", $"{SizeText.Format(reply.FreeBytes)} free of {SizeText.Format(reply.TotalBytes)}, extents of {SizeText.Format(reply.ExtentSizeBytes)}"],
            ["timeouts", $"T = {reply.IoTimeoutSeconds} s, W = {reply.WatchdogTimeoutSeconds} s"],
            ["failover", $"at most {domain.Timing.FailoverBound.TotalSeconds:0.#} s after a crash of the SPM"],
            ["metadata", $"epoch {reply.Epoch}, seqno {reply.Seqno}, two copies"],
            ["oVirt", !reply.UsableByOvirt ? "not for oVirt (sector or extent size)"
                : $"layout of a version {reply.Version} block domain{(reply.Adopted ? "" : reply.Version == DomainLimits.Version ? "; not adopted: read only until 'spm domain adopt'" : "; read only")}"],
        ]);
    }
}
