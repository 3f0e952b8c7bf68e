using System.CommandLine;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm domain gc</c>: a dry run, unless --yes says otherwise.</summary>
static class GarbageVerb
{
    public static Command Create()
    {
        var (lun, url, sectorSize, json, wait) = (CommonOptions.Lun(), CommonOptions.Url(), CommonOptions.SectorSize(), CommonOptions.Json(), CommonOptions.Wait());
        var yes = new Option<bool>("--yes") { Description = "collect what is proven to be nobody's; without it nothing is written" };
        var command = new Command("gc", "Find what crashes left behind, and with --yes take it away.") { lun, url, sectorSize, json, wait, yes };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            var (path, address) = CommonOptions.Target(parsed, lun, url);
            var collect = parsed.GetValue(yes);
            await using var pool = path is null ? new NodeClient(address!)
                : collect ? NodeComposition.OpenOfflineVerbs(path, parsed.GetValue(wait), parsed.GetValue(sectorSize))
                : NodeComposition.OpenReader(path, parsed.GetValue(sectorSize));
            return Print(await pool.GarbageAsync(collect), collect, parsed.GetValue(json));
        }));
        return command;
    }

    static int Print(GarbageReply reply, bool collect, bool asJson)
    {
        if (asJson)
        {
            Output.WriteJson(reply);
        }
        else
        {
            foreach (var item in reply.Items)
            {
                Console.Out.WriteLine($"{item.Kind,-10}  {item.Place}: {item.Reason}{Became(item, collect)}");
            }
            Console.Out.WriteLine(Summary(reply, collect));
        }
        return collect && reply.Items.Any(item => item is { Action: not null, Collected: false }) ? 1 : 0;
    }

    static string Became(GarbageItem item, bool collect) =>
        item.Action is null ? " → only reported" : collect ? $" → {item.Outcome}" : $" → would be {item.Action}";

    static string Summary(GarbageReply reply, bool collect)
    {
        var provable = reply.Items.Count(item => item.Action is not null);
        return reply.Items.Count == 0 ? "nothing is left behind"
            : collect ? $"{reply.Items.Count(item => item.Collected)} of {provable} collected, {reply.Items.Count - provable} only reported"
            : provable == 0 ? $"{reply.Items.Count} only reported; nothing was changed"
            : $"{provable} would be collected with --yes, {reply.Items.Count - provable} only reported; nothing was changed";
    }
}
