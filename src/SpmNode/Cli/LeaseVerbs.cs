using System.CommandLine;
using OvirtSpm.Leases;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm lease …</c>: what stands in the lease areas.</summary>
static class LeaseVerbs
{
    static readonly Option<string> lun = new("--lun") { Description = "the shared LUN", Required = true };
    static readonly Option<bool> json = CommonOptions.Json();
    static readonly Option<int?> sectorSize = CommonOptions.SectorSize();

    public static Command Create() => new("lease", "Leases on the LUN") { Show() };

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
