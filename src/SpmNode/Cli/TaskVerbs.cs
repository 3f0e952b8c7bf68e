using System.CommandLine;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm task …</c>: long work of the SPM.</summary>
static class TaskVerbs
{
    static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    static readonly Option<string> url = CommonOptions.Url();
    static readonly Option<bool> json = CommonOptions.Json();
    static readonly Argument<string> task = new("task") { Description = "its id, as 'spm task list' prints it" };

    public static Command Create() => new("task", "Long work of the SPM: list, show, wait, cancel")
    {
        Verb("list", "What runs, and what ended last.", [], async (node, parsed, _) => Print(parsed, await node.TasksAsync())),
        Verb("show", "One task; also one of a former SPM, as far as the journal tells.", [task], async (node, parsed, _) =>
            Print(parsed, await node.TaskAsync(parsed.GetValue(task)!))),
        Verb("wait", "Wait for the end of a task. Exit code 1 when it failed or was cancelled.", [task], async (node, parsed, stop) =>
        {
            var id = parsed.GetValue(task)!;
            return Print(parsed, await TerminalProgress.RunAsync("waiting", parsed.GetValue(json), async progress =>
            {
                TaskReply now;
                while (!(now = await node.TaskAsync(id, Look)).HasEnded)
                {
                    stop.ThrowIfCancellationRequested();
                    progress.Report(now.Progress);
                }
                return now;
            }));
        }),
        Verb("cancel", "Ask a task to end without a result; what it has begun is taken back.", [task], async (node, parsed, _) =>
        {
            Print(parsed, await node.CancelTaskAsync(parsed.GetValue(task)!));
            return 0;
        }),
    };

    static Command Verb(string name, string what, Argument[] arguments, Func<NodeClient, ParseResult, CancellationToken, Task<int>> act)
    {
        var command = new Command(name, what) { url, json };
        foreach (var argument in arguments)
        {
            command.Add(argument);
        }
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            await using var node = new NodeClient(CommonOptions.NodeUrlOf(parsed, url));
            return await act(node, parsed, stop);
        }));
        return command;
    }

    static int Print(ParseResult parsed, IReadOnlyList<TaskReply> tasks)
    {
        if (parsed.GetValue(json))
        {
            Output.WriteJson(tasks);
            return 0;
        }
        Output.WriteTable(["TASK", "KIND", "VOLUME", "STATE", "DONE"], tasks.Select(one => new[] { one.Task, one.Kind, one.Volume, one.State, $"{one.Progress:P0}" }));
        return 0;
    }

    static int Print(ParseResult parsed, TaskReply one)
    {
        if (parsed.GetValue(json))
        {
            Output.WriteJson(one);
        }
        else
        {
            Output.WriteTable(["", ""],
            [
                ["task", one.Task], ["kind", one.Kind], ["volume", one.Volume], ["state", $"{one.State}, {one.Progress:P0}"],
                .. one.Error is null ? Array.Empty<string[]>() : [["why", one.Error]],
            ]);
        }
        return one.State is "failed" or "cancelled" ? 1 : 0;
    }
}
