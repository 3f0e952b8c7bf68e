using System.CommandLine;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm domain guard</c>: keeps a careless lvm2 of any host from changing a domain.</summary>
static class GuardVerb
{
    public static Command Create() => new("guard", "Have stock lvm2 refuse to change this domain, on every host: on, off, show")
    {
        Verb("on", "The volume group gets a system ID that is no host's. Not for domains that oVirt uses, too.", on: true),
        Verb("off", "Take the system ID away again.", on: false),
        Verb("show", "What is set, and what it stops. Writes nothing.", on: null),
    };

    static Command Verb(string name, string what, bool? on)
    {
        var (lun, url, sectorSize, json, wait) = (CommonOptions.Lun(), CommonOptions.Url(), CommonOptions.SectorSize(), CommonOptions.Json(), CommonOptions.Wait());
        var command = new Command(name, what) { lun, url, sectorSize, json };
        if (on is not null)
        {
            command.Add(wait);
        }
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            var (path, address) = CommonOptions.Target(parsed, lun, url);
            await using var pool = path is null ? new NodeClient(address!)
                : on is null ? NodeComposition.OpenReader(path, parsed.GetValue(sectorSize))
                : NodeComposition.OpenOfflineVerbs(path, parsed.GetValue(wait), parsed.GetValue(sectorSize));
            var guard = await pool.GuardAsync(new GuardRequest(on));
            if (parsed.GetValue(json))
            {
                Output.WriteJson(guard);
            }
            else
            {
                Output.WriteTable(["", ""], Rows(guard));
            }
            return 0;
        }));
        return command;
    }

    static IEnumerable<string[]> Rows(GuardReply guard) =>
    [
        ["volume group", guard.VolumeGroup],
        ["guard", guard.On ? "on" : guard.SystemId is null ? "off" : "off; the system ID below is not ours"],
        ["system ID", guard.SystemId ?? "none"],
        ["autoactivation", guard.NoAutoActivation ? "disabled" : "enabled"],
        .. guard.Refused.Select((line, at) => new[] { at == 0 ? "lvm2 refuses" : "", line }),
        .. guard.On ? (string[][])[["lvm2 hides", "lvs, vgs, pvs, vgcfgbackup show it with --foreign; pvck reads it"]] : [],
        .. guard.NotStopped.Select((line, at) => new[] { at == 0 ? "not stopped" : "", line }),
    ];
}
