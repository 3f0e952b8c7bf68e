using System.CommandLine;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm node</c>, <c>spm status</c>.</summary>
static class NodeCommands
{
    static readonly Option<string> url = CommonOptions.Url();
    static readonly Option<bool> json = CommonOptions.Json();

    public static Command CreateNode()
    {
        var config = new Option<string?>("--config") { Description = "configuration file; /etc/spm/node.json when it is there" };
        var command = new Command("node", "Run a node: the daemon of one host.") { config };
        foreach (var option in NodeSettings.Options)
        {
            command.Add(option);
        }
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(() => NodeHost.RunAsync(NodeSettings.Read(parsed, parsed.GetValue(config)), stop)));
        return command;
    }

    public static Command CreateStatus()
    {
        var command = new Command("status", "What a node says of itself and of the pool.") { url, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            await using var node = At(parsed);
            var status = await node.StatusAsync();
            if (parsed.GetValue(json))
            {
                Output.WriteJson(status);
                return 0;
            }
            Output.WriteTable(["", ""],
            [
                ["domain", status.Domain],
                ["host", $"{status.Name} (host id {status.HostId}, generation {status.Generation?.ToString() ?? "–"})"],
                ["role", status.Role + (status.Epoch is { } epoch ? $", epoch {epoch}" : "")],
                ["lease margin", $"{status.LeaseMarginSeconds:0.0} s"],
                ["SPM", status.LeaderId is { } leader ? $"{status.LeaderName ?? "?"} (host id {leader}) {status.LeaderUrl}" : "none at the moment"],
                .. status.Space is { } space ? SpaceVerb.Rows(space) : [["free", status.FreeBytes is { } free ? SizeText.Format(free) : "ask the SPM"]],
                ["timeouts", $"T = {status.IoTimeoutSeconds:0} s, W = {status.WatchdogTimeoutSeconds:0} s: failover at most {status.FailoverBoundSeconds:0.#} s"],
                ["watchdog", status.Watchdog],
                .. (status.Multipath ?? []).Select(lun => new[] { "paths", $"{lun.Device}: {string.Join(", ", lun.Paths.Select(path => path.Usable ? path.Name : path.Name + " failed"))}; without any, I/O waits {(lun.QueueSeconds is { } wait ? $"{wait:0} s" : "for a time that is not known")}" }),
                ["commits", $"{status.Commits}, {status.CommittedRequests} requests in them"],
                .. status.Active.Select(a => new[] { a.ReadOnly ? "active, read-only" : "active", $"{a.Volume} {SizeText.Format(a.AllocatedBytes)} of {SizeText.Format(a.MaximumBytes)}, {a.Socket}" }),
                .. status.Warnings.Select(w => new[] { "warning", w }),
            ]);
            return 0;
        }));
        return command;
    }

    static NodeClient At(ParseResult parsed) => new(
        CommonOptions.NodeUrlOf(parsed, url), TimeSpan.FromSeconds(10));
}
