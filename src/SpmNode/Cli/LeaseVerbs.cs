using System.CommandLine;
using OvirtSpm.Leases;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Node.LeaseService;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm lease …</c>: what stands in the lease areas.</summary>
static class LeaseVerbs
{
    static readonly Option<string> lun = new("--lun") { Description = "the shared LUN", Required = true };
    static readonly Option<bool> json = CommonOptions.Json();
    static readonly Option<int?> sectorSize = CommonOptions.SectorSize();

    public static Option<string> Name() => new("--name") { Description = "of the lease: 1 to 48 letters, digits, '-', '_' and '.'", Required = true };

    public static Command Create() => new("lease", "Leases on the LUN: the hosts' and the SPM's (show), and those you name (the other verbs)")
    {
        Show(), CreateLease(), List(), LeaseHoldVerb.Create(lun, sectorSize), LeaseRepairVerbs.Release(lun, sectorSize, json),
        LeaseRepairVerbs.Repair(lun, sectorSize, json), RebuildIndex(),
    };

    static Command CreateLease()
    {
        var (name, wait) = (Name(), CommonOptions.Wait());
        var command = new Command("create", "Make a lease that anybody may then hold. Done as the SPM, which must not live elsewhere.") { lun, name, sectorSize, wait, json };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var wanted = UserLeaseName.Checked(parsed.GetValue(name)!);
            var made = await NodeComposition.ChangeLeasesAsync(parsed.GetValue(lun)!, parsed.GetValue(wait), parsed.GetValue(sectorSize), leases => leases.CreateAsync(wanted), stop);
            if (parsed.GetValue(json))
            {
                Output.WriteJson(made);
            }
            else
            {
                Console.Out.WriteLine($"made the lease '{made.Name}' at {made.OffsetBytes} of the volume 'xleases'");
            }
            return 0;
        }));
        return command;
    }

    static Command RebuildIndex()
    {
        var wait = CommonOptions.Wait();
        var command = new Command("rebuild-index", "Make the index of named leases anew from the leases that are there. Done as the SPM.") { lun, sectorSize, wait, json };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var (names, unnamed) = await NodeComposition.ChangeLeasesAsync(parsed.GetValue(lun)!, parsed.GetValue(wait), parsed.GetValue(sectorSize), leases => leases.RebuildAsync(), stop);
            if (parsed.GetValue(json))
            {
                Output.WriteJson(names);
            }
            else
            {
                Console.Out.WriteLine($"the index names {names.Count} leases{(names.Count > 0 ? ": " : "")}{string.Join(", ", names)}");
            }
            foreach (var refusal in unnamed)
            {
                Console.Error.WriteLine($"spm: {refusal.Message}");
            }
            return unnamed.Count == 0 ? 0 : 1;
        }));
        return command;
    }

    static Command List()
    {
        var command = new Command("list", "The leases that users named: who holds them, in which version.") { lun, sectorSize, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            using var device = NodeComposition.OpenLun(parsed.GetValue(lun)!, readOnly: true, parsed.GetValue(sectorSize));
            var leases = await new LeaseDirectory(await PoolDomain.OpenAsync(device)).ListAsync();
            if (parsed.GetValue(json))
            {
                Output.WriteJson(leases);
                return 0;
            }
            Output.WriteTable(["LEASE", "STATE", "HOLDER", "VERSION", "AT"], leases.Select(lease => new[]
            {
                lease.Name, lease.State, lease.OwnerId is { } id ? $"{(lease.OwnerName is null ? "" : $"{lease.OwnerName}, ")}host id {id}" : "", $"{lease.Version}", $"{lease.OffsetBytes}",
            }));
            foreach (var lease in leases.Where(lease => lease.Problem is not null))
            {
                Console.Error.WriteLine($"spm: {lease.Name}: {lease.Problem}");
            }
            return 0;
        }));
        return command;
    }

    static Command Show()
    {
        var command = new Command("show", "Host ids in use and the SPM lease, as they are on disk.") { lun, sectorSize, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            using var device = NodeComposition.OpenLun(parsed.GetValue(lun)!, readOnly: true, parsed.GetValue(sectorSize));
            var domain = await PoolDomain.OpenAsync(device);
            var hosts = (await LeaseDump.HostsAsync(domain.Ids, domain.Geometry))
                .Where(host => host.Error != RecordError.None || host.Record is { OwnerId: > 0 }).ToList();
            var resource = await LeaseDump.ResourceAsync(domain.Leases, domain.SpmLeaseOffset, domain.Geometry);
            if (parsed.GetValue(json))
            {
                Output.WriteJson(new
                {
                    lockspace = domain.Lockspace,
                    hosts = hosts.Select(host => new
                    {
                        host.HostId, error = host.Error == RecordError.None ? null : host.Error.ToString(), name = host.Record?.Resource.ToString(),
                        generation = host.Record?.OwnerGeneration, timestamp = host.Record?.Timestamp, ioTimeoutSeconds = host.Record?.IoTimeoutSeconds,
                    }),
                    resource = PoolDomain.SpmResource,
                    error = resource.LeaderError == RecordError.None ? null : resource.LeaderError.ToString(),
                    owner = resource.Leader?.OwnerId, generation = resource.Leader?.OwnerGeneration, version = resource.Leader?.LeaseVersion,
                    timestamp = resource.Leader?.Timestamp,
                });
                return 0;
            }
            Output.WriteTable(["HOST ID", "NAME", "GENERATION", "TIMESTAMP", "T"], hosts.Select(host => host.Record is { } record && host.Error == RecordError.None
                ? new[] { $"{host.HostId}", $"{record.Resource}", $"{record.OwnerGeneration}", record.Timestamp == 0 ? "free" : $"{record.Timestamp}", $"{record.IoTimeoutSeconds} s" }
                : [$"{host.HostId}", $"not believed: {host.Error} at byte {host.OffsetBytes} of 'ids'", "", "", ""]));
            Console.Out.WriteLine();
            Console.Out.WriteLine(resource.Leader is { } leader && resource.LeaderError == RecordError.None
                ? $"SPM lease: version {leader.LeaseVersion}, {(leader.Timestamp == 0 ? $"free (last host id {leader.OwnerId})" : $"host id {leader.OwnerId} generation {leader.OwnerGeneration}")}"
                : $"SPM lease: not believed: {resource.LeaderError}");
            return 0;
        }));
        return command;
    }
}
