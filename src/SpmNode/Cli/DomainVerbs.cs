using System.CommandLine;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Pool;
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

    static readonly Option<string[]> devices = CommonOptions.Devices("where the domain's other devices are, if not where they were added");

    public static Command Create() => new("domain", "Storage domains: create, add-device, resize-device, info, set, check, gc, adopt, release, remove")
    {
        CreateDomain(), AddDevice(), ResizeDeviceVerb.Create(), Info(), SpaceVerb.Create(), Check(), GarbageVerb.Create(), AdoptVerbs.Adopt(), AdoptVerbs.Release(), Remove(),
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
        var others = new Option<string[]>("--device") { Description = "one more LUN of the domain; several times for several", DefaultValueFactory = _ => [] };
        var command = new Command("create", "Make a storage domain on an empty LUN of at least 10 GiB.") { lun, others, ioTimeout, watchdog, extent, description, wipe, wait, uuid, sectorSize, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            var options = new DomainOptions(
                parsed.GetValue(uuid) ?? Guid.NewGuid(), parsed.GetValue(description)!, parsed.GetValue(ioTimeout), parsed.GetValue(watchdog),
                Sizes.Parse(parsed.GetValue(extent)!), parsed.GetValue(wipe), parsed.GetValue(wait))
            {
                Others = [.. parsed.GetValue(others)!.Select(Path.GetFullPath)],
            };
            using var device = NodeComposition.OpenLun(parsed.GetValue(lun)!, readOnly: false, parsed.GetValue(sectorSize), devices: options.Others);
            var domain = await NodeComposition.Creator(device).CreateAsync(options);
            if (options.WatchdogTimeoutSeconds == 0)
            {
                await Console.Error.WriteLineAsync(
                    "spm: watchdog timeout 0: nothing resets a host that hangs with the lease. One host acknowledges changes at any moment, but a write already queued may land late.");
            }
            await PrintAsync(parsed, domain);
            return 0;
        }));
        return command;
    }

    static Command AddDevice()
    {
        var path = new Argument<string>("device") { Description = "an empty LUN; with --url as the SPM's host calls it, which has to be given it" };
        var (where, url, wait) = (CommonOptions.Lun(), CommonOptions.Url(), CommonOptions.Wait());
        var command = new Command("add-device", "Make a domain larger by a LUN. Asking twice adds it once.") { path, where, url, wait, sectorSize, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            var (first, address) = CommonOptions.Target(parsed, where, url);
            var device = Path.GetFullPath(parsed.GetValue(path)!);
            await using IPoolVerbs pool = first is null
                ? new NodeClient(address!)
                : NodeComposition.OpenOfflineVerbs(first, parsed.GetValue(wait), parsed.GetValue(sectorSize), [device]);
            var reply = await pool.AddDeviceAsync(new AddDeviceRequest(device));
            if (parsed.GetValue(json))
            {
                Output.WriteJson(reply);
                return 0;
            }
            Console.WriteLine($"{reply.Path} {(reply.Added ? "added" : "is one of the domain's devices already")}: {SizeText.Format(reply.FreeBytes)} free of {SizeText.Format(reply.TotalBytes)}");
            Console.WriteLine("every host that uses volumes there has to see it: a node finds it where this one does, or where its --device says");
            return 0;
        }));
        return command;
    }

    static Command Info()
    {
        var command = new Command("info", "What domain is on a LUN.") { lun, devices, sectorSize, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            using var device = NodeComposition.OpenLun(parsed.GetValue(lun)!, readOnly: true, parsed.GetValue(sectorSize), devices: parsed.GetValue(devices));
            await PrintAsync(parsed, await StorageDomain.OpenAnyAsync(device));
            return 0;
        }));
        return command;
    }

    static Command Check()
    {
        var command = new Command("check", "Read everything on a LUN and say what cannot be believed. Writes nothing.") { lun, devices, sectorSize, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            using var device = NodeComposition.OpenLun(parsed.GetValue(lun)!, readOnly: true, parsed.GetValue(sectorSize), devices: parsed.GetValue(devices));
            return Output.Report(await DomainCheck.RunAsync(device), parsed.GetValue(json));
        }));
        return command;
    }

    static Command Remove()
    {
        var wait = CommonOptions.WaitForDead();
        var yes = new Option<bool>("--yes") { Description = "really: every volume of the domain is lost" };
        var command = new Command("remove", "Forget a domain: its LUN is empty afterwards. Refused while a host is alive in it.") { lun, devices, sectorSize, yes, wait };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            using var device = NodeComposition.OpenLun(parsed.GetValue(lun)!, readOnly: false, parsed.GetValue(sectorSize), devices: parsed.GetValue(devices));
            foreach (var left in await new DomainRemoval(device, NodeComposition.BootClock).RemoveAsync(parsed.GetValue(yes), parsed.GetValue(wait), stop))
            {
                await Console.Error.WriteLineAsync($"spm: {left}");
            }
            return 0;
        }));
        return command;
    }

    /// <summary>Devices that were made larger since.</summary>
    static async Task<string[][]> RoomAsync(StorageDomain domain)
    {
        var rows = new List<string[]>();
        foreach (var pv in domain.Group.PhysicalVolumes)
        {
            if ((pv.Index == 0 ? domain.Lun.Metadata : domain.Lun.Others.Metadata(pv.Uuid)) is { } device
                && (await GrownPhysicalVolume.PrepareAsync(device, pv, domain.Group.ExtentSizeBytes, DomainLimits.MetadataAreaBytes)).Volume is { } grown)
            {
                rows.Add(["larger", $"{device.Name} has room for {SizeText.Format((grown.Extents.Count - pv.ExtentCount) * domain.Group.ExtentSizeBytes)} more: 'spm domain resize-device'"]);
            }
        }
        return [.. rows];
    }

    static async Task PrintAsync(ParseResult parsed, StorageDomain domain)
    {
        var group = domain.Group;
        var space = SpaceSetting.Describe(SpaceRules.Of(await DomainView.ReadAsync(domain, group)));
        var reply = new DomainReply(
            domain.Uuid.ToString(), domain.Lun.Path, group.Uuid.ToString(), domain.Lun.SizeBytes, group.TotalExtents * group.ExtentSizeBytes,
            domain.Devices.FreeExtents(group) * group.ExtentSizeBytes, group.ExtentSizeBytes, domain.Lun.SectorSize, domain.Tags.IoTimeoutSeconds,
            domain.Tags.WatchdogTimeoutSeconds, group.Epoch ?? 0, group.Seqno, !domain.Tags.NotForOvirt, domain.Description.Version, domain is PoolDomain, space);
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
            .. SpaceVerb.Rows(space).Skip(1),
            ["timeouts", $"T = {reply.IoTimeoutSeconds} s, W = {reply.WatchdogTimeoutSeconds} s"],
            ["failover", $"at most {domain.Timing.FailoverBound.TotalSeconds:0.#} s after a crash of the SPM"],
            .. domain.Group.PhysicalVolumes.Skip(1).Select(pv => new[] { "device", $"{pv.DeviceHint}, {SizeText.Format(pv.ExtentCount * group.ExtentSizeBytes)}{(domain.Devices.Sees(pv) ? "" : ", not seen by this host")}" }),
            .. await RoomAsync(domain),
            ["metadata", $"epoch {reply.Epoch}, seqno {reply.Seqno}, two copies"],
            ["oVirt", !reply.UsableByOvirt ? "not for oVirt (sector or extent size)"
                : $"layout of a version {reply.Version} block domain{(reply.Adopted ? "" : reply.Version == DomainLimits.Version ? "; not adopted: read only until 'spm domain adopt'" : "; read only")}"],
        ]);
    }
}
