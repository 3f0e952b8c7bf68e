using System.CommandLine;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Guests;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm guest …</c>: which QEMU a node watches.</summary>
static class GuestVerbs
{
    static readonly Option<string> url = CommonOptions.Url();
    static readonly Option<bool> json = CommonOptions.Json();

    public static Command Create() => new("guest", "Guests whose disks a node keeps large enough") { Watch(), List(), Forget() };

    static Command Watch()
    {
        var qmp = new Option<string>("--qmp") { Description = "full path of QEMU's QMP socket", Required = true };
        var name = new Option<string>("--name") { Description = "a name for people" };
        var behavior = new Option<string>("--resume-behavior")
        {
            Description = "after a storage error: auto_resume (continued when the storage is back; the default), leave_paused, or kill (continued when it is back soon, else ended)",
        }.AcceptOnlyFromAmong([.. ResumeBehaviors.Names]);
        var killAfter = new Option<double?>("--kill-after") { Description = "seconds a guest to be killed may stand (default 80)" };
        var command = new Command("watch", "Let the node at --url watch a guest: thresholds set, extends asked for, pauses ended. Again: with another resume behavior.")
        {
            qmp, name, behavior, killAfter, url, json,
        };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            await using var node = At(parsed);
            Print(parsed, [await node.WatchGuestAsync(new WatchGuestRequest(
                parsed.GetValue(qmp)!, parsed.GetValue(name), parsed.GetValue(behavior), parsed.GetValue(killAfter)))]);
            return 0;
        }));
        return command;
    }

    static Command List()
    {
        var command = new Command("list", "The guests a node watches.") { url, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            await using var node = At(parsed);
            Print(parsed, await node.GuestsAsync());
            return 0;
        }));
        return command;
    }

    static Command Forget()
    {
        var name = new Argument<string>("name") { Description = "as 'spm guest list' shows it" };
        var command = new Command("forget", "Let the node at --url watch a guest no more: its disks do not grow by themselves from then on.") { name, url, json };
        command.SetAction(parsed => SpmCommand.GuardAsync(async () =>
        {
            await using var node = At(parsed);
            Print(parsed, await node.ForgetGuestAsync(parsed.GetValue(name)!));
            return 0;
        }));
        return command;
    }

    static void Print(ParseResult parsed, IReadOnlyList<GuestReply> guests)
    {
        if (parsed.GetValue(json))
        {
            Output.WriteJson(guests);
            return;
        }
        Output.WriteTable(["GUEST", "STATE", "VOLUME", "DISK", "ALLOCATED", "WRITTEN", "EXTENDS", "LAST"], guests.SelectMany(guest =>
            guest.Disks.Count == 0
                ? [[guest.Name, State(guest), "", "", "", "", "", ""]]
                : guest.Disks.Select(disk => new[]
                {
                    guest.Name, State(guest), disk.Volume, disk.State + (disk.Why is { } why ? $" ({why})" : ""), SizeText.Format(disk.AllocatedBytes),
                    disk.HighestWrittenBytes is { } high ? SizeText.Format(high) : "", $"{disk.Extends}",
                    disk.LastLatencyMilliseconds is { } last ? $"{last:0.0} ms" : "",
                })));
    }

    static string State(GuestReply guest) => guest.State + (guest.Why is { } why ? $" ({why})" : "");

    static NodeClient At(ParseResult parsed) => new(
        CommonOptions.NodeUrlOf(parsed, url), TimeSpan.FromSeconds(10));
}
