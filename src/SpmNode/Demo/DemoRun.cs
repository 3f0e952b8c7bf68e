using OvirtSpm.Node.Cli;

namespace OvirtSpm.Node.Demo;

/// <summary>The verb's frame: what earlier runs left is removed, the show runs, the summary is printed.</summary>
static class DemoRun
{
    /// <returns>The process' exit code: 0 only if all held.</returns>
    /// <exception cref="Refusal">Something could not even be tried, with the reason.</exception>
    public static async Task<int> RunAsync(DemoOptions options, CancellationToken stop)
    {
        IDemoView view = options.Json || Console.IsOutputRedirected ? new PlainView() : new LiveView();
        var board = new DemoBoard();
        Leftovers.Remove(view.Say);
        var (summary, broken) = await view.ShowAsync(board, async () =>
        {
            using var run = RunDirectory.Create(options.Keep, DemoShow.NeededBytes);
            using var children = new ChildProcesses(run);
            return await new DemoShow(options, view, board, run, children).RunAsync(stop);
        });
        Print(options, summary);
        foreach (var trouble in broken)
        {
            await Console.Error.WriteLineAsync($"spm: {trouble}");
        }
        return summary.Held && broken.Count == 0 ? 0 : 1;
    }

    static void Print(DemoOptions options, DemoSummary summary)
    {
        if (options.Json)
        {
            Output.WriteJson(summary);
            return;
        }
        Output.WriteTable(["", "what", "found by"],
        [
            .. summary.Verified.Select(fact => new[] { fact.Ok ? "ok" : "FAILED", fact.What, fact.Tool }),
            .. (summary.Skipped ?? []).Select(fact => new[] { "skipped", fact.What, fact.Tool }),
        ]);
        Console.Out.WriteLine();
        Output.WriteTable(["result", ""],
        [
            ["extends", $"{summary.Extends}, of which {summary.ExtendsDuringFailover} during the failover"],
            ["latency", $"p50 {summary.LatencyP50Milliseconds:0.0} ms, max {summary.LatencyMaxMilliseconds:0.0} ms (without those during the failover)"],
            ["guest write errors", $"{summary.GuestWriteErrors}"],
            ["slowest write", $"{summary.SlowestWriteMilliseconds:0} ms (the failover included)"],
            ["failover", $"{summary.FailoverSeconds:0.00} s, bound {summary.FailoverBoundSeconds:0.0} s"],
            ["commits", $"{summary.Commits}, {summary.RequestsPerCommit:0.00} requests each"],
        ]);
        if (options.Keep is { } kept)
        {
            Console.Out.WriteLine();
            Console.Out.WriteLine($"Kept in {Path.GetFullPath(kept)}: the logs{(options.Lun is null ? " and the LUN" : "")}.");
        }
        Console.Out.WriteLine();
        Console.Out.WriteLine(summary.Held ? "All held." : "NOT all held.");
    }
}
