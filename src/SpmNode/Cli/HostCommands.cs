using System.CommandLine;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm host …</c>: who is there, who should be SPM, who is dead.</summary>
static class HostCommands
{
    static readonly Option<string> url = CommonOptions.Url();
    static readonly Option<bool> json = CommonOptions.Json();
    static readonly Argument<string> host = new("HOST") { Description = "name or host id" };

    public static Command Create() => new("host", "Hosts of the pool.") { List(), HandOver(), Prefer(), Maintenance(), ConfirmDead(), HostSetupVerb.Create() };

    static Command List()
    {
        var list = new Command("list", "The hosts of the pool as a node sees them.") { url, json };
        list.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            await using var node = At(parsed);
            var hosts = await node.HostsAsync();
            if (parsed.GetValue(json))
            {
                Output.WriteJson(hosts);
                return 0;
            }
            Output.WriteTable(
                ["ID", "NAME", "ROLE", "STATE", "GENERATION", "UNCHANGED", "WISH", "URL"],
                hosts.Select(h => new[] { $"{h.HostId}", h.Name, h.Role, h.State, $"{h.Generation}", $"{h.SinceSeconds:0.0} s", Wish(h.Preference, h.Maintenance), h.Url ?? "" }));
            return 0;
        }));
        return list;
    }

    static Command HandOver()
    {
        var to = new Option<string>("--to") { Description = "name or host id of the next SPM; whichever is ready unless given" };
        var command = new Command("handover", "Let the SPM step down in good order; no request is lost.") { to, url, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            await using var node = At(parsed);
            var reply = await node.HandOverAsync(new HandOverRequest(parsed.GetValue(to), null));
            Print(parsed, reply, $"'{reply.To}' (host id {reply.ToHostId}) is SPM after '{reply.From}', {reply.Milliseconds:0} ms later");
            return 0;
        }));
        return command;
    }

    static Command Prefer()
    {
        var level = new Option<int>("--level")
        {
            Description = $"0 (no wish) to {HostRecord.MostPreference}; 50 unless given",
            DefaultValueFactory = _ => 50,
        };
        var command = new Command("prefer", "Say that a host should rather be SPM than others. It asks for the role, it does not steal it.") { host, level, url, json };
        command.SetAction(parsed => WishAsync(parsed, new HostWishesRequest(parsed.GetValue(level), null)));
        return command;
    }

    static Command Maintenance()
    {
        var state = new Argument<string>("on|off");
        state.AcceptOnlyFromAmong("on", "off");
        var command = new Command("maintenance", "A host in maintenance never becomes SPM, and hands over when it is. Survives a restart.") { host, state, url, json };
        command.SetAction(parsed => WishAsync(parsed, new HostWishesRequest(null, parsed.GetValue(state) == "on")));
        return command;
    }

    static Command ConfirmDead()
    {
        var yes = new Option<string>("--yes") { Description = "the dead host's name, instead of being asked for it" };
        var command = new Command("confirm-dead", "Say that a machine is off for good: the volumes it had active may then be deleted or used elsewhere.") { host, yes, url, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            await using var node = At(parsed);
            var which = parsed.GetValue(host)!;
            var name = parsed.GetValue(yes) ?? Ask(which);
            var reply = await node.ConfirmDeadAsync(which, new ConfirmDeadRequest(name));
            Print(parsed, reply, $"'{reply.Name}' (host id {reply.HostId}): {reply.Cleared.Count} volumes are free again"
                + (reply.Repaired > 0 ? $", {reply.Repaired} unreadable parts of its map made anew" : ""));
            return 0;
        }));
        return command;
    }

    static Task<int> WishAsync(ParseResult parsed, HostWishesRequest request) => SpmCommand.GuardAsync(async () =>
    {
        await using var node = At(parsed);
        var reply = await node.WishAsync(parsed.GetValue(host)!, request);
        Print(parsed, reply, $"'{reply.Name}' (host id {reply.HostId}): {Wish(reply.Preference, reply.Maintenance)}; {reply.Note}");
        return 0;
    });

    static string Ask(string host)
    {
        if (Console.IsInputRedirected)
        {
            throw Refusal.Invalid($"say which machine is dead: --yes NAME, with the name of host {host}.");
        }
        Console.Error.Write($"If the machine of host {host} still runs, its guests' disks will be damaged. Type its name to confirm that it is off: ");
        return Console.ReadLine()?.Trim() ?? "";
    }

    static void Print<T>(ParseResult parsed, T reply, string sentence)
    {
        if (parsed.GetValue(json))
        {
            Output.WriteJson(reply);
            return;
        }
        Console.Out.WriteLine(sentence);
    }

    static string Wish(int preference, bool maintenance) =>
        maintenance ? "maintenance" : preference > 0 ? $"preferred ({preference})" : "–";

    static NodeClient At(ParseResult parsed) => new(
        CommonOptions.NodeUrlOf(parsed, url), TimeSpan.FromSeconds(20));
}
