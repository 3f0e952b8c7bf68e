using System.Diagnostics;
using OvirtSpm.Simulation.Pool;

namespace OvirtSpm.Simulation.Campaigns;

/// <summary><c>./spm simulate</c>: exit code 0 when no checker objected, 1 when one did, 2 for wrong usage.</summary>
internal static class SimulateCommand
{
    /// <summary>A fault that is met by fewer seeds than this has not been tried.</summary>
    private const double LeastShare = 0.05;
    private const int RowsOnFailure = 40;

    /// <summary>A long search says where it is.</summary>
    private static readonly TimeSpan ToldEvery = TimeSpan.FromMinutes(1);

    public static int Run(string[] args)
    {
        if (SimulateOptions.Parse(args) is not { } options)
        {
            Console.Error.WriteLine(SimulateOptions.Usage);
            return 2;
        }

        if (options.Trace)
        {
            Console.WriteLine(TraceTable.Header(options.Hosts));
            return Replay(options.Seed, options.Hosts, line => Console.WriteLine(TraceTable.Row(line, options.Hosts))) is { } verdict
                ? Failed(options.Seed, options.Hosts, verdict)
                : 0;
        }

        var clock = Stopwatch.StartNew();
        var campaign = new Campaign(options.Seed, options.Seeds, options.Hosts);
        using (new Timer(_ => Console.Error.WriteLine($"{campaign.Done:N0} of {options.Seeds:N0} seeds, none failed yet"), null, ToldEvery, ToldEvery))
        {
            campaign.Run(Environment.ProcessorCount);
        }

        Report(campaign, clock.Elapsed);
        return campaign.Failure is { } failure ? Explain(failure.Seed, options.Hosts) : 0;
    }

    private static void Report(Campaign campaign, TimeSpan took)
    {
        Console.WriteLine(FormattableString.Invariant(
            $"{campaign.Done} seeds, {campaign.VirtualTime.TotalHours:0} virtual hours, {campaign.Events:N0} events in {took.TotalSeconds:0.0} s ({Environment.CpuUsage.TotalTime.TotalMilliseconds / campaign.Done:0} ms of CPU each)"));
        foreach (var (name, count) in campaign.SeedsWith)
        {
            var share = (double)count / campaign.Done;
            Console.WriteLine(FormattableString.Invariant($"  {100 * share,5:0.0} % of seeds with {name}{(share < LeastShare ? "   (too few to count as tried)" : "")}"));
        }
    }

    /// <summary>The same seed once more, now with its trace.</summary>
    private static int Explain(ulong seed, int hosts)
    {
        Queue<TraceLine> last = [];
        var verdict = Replay(seed, hosts, line =>
        {
            last.Enqueue(line);
            if (last.Count > RowsOnFailure)
            {
                last.Dequeue();
            }
        });
        Console.WriteLine(TraceTable.Header(hosts));
        foreach (var line in last)
        {
            Console.WriteLine(TraceTable.Row(line, hosts));
        }

        return Failed(seed, hosts, verdict ?? "the failure did not come again: the run depends on something outside its seed");
    }

    private static int Failed(ulong seed, int hosts, string verdict)
    {
        Console.WriteLine($"seed {seed}: {verdict}");
        Console.WriteLine($"replay: ./spm simulate --seed {seed} --seeds 1 --hosts {hosts} --trace");
        return 1;
    }

    private static string? Replay(ulong seed, int hosts, Action<TraceLine> traced)
    {
        var run = new PoolRun(seed, hosts);
        run.World.Traced = traced;
        try
        {
            run.Run();
            return null;
        }
        catch (SimulationFailure failure)
        {
            return failure.Verdict;
        }
    }
}
