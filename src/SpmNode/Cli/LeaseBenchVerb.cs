using System.CommandLine;
using OvirtSpm.Node.Bench;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm bench lease</c>.</summary>
static class LeaseBenchVerb
{
    public static Command Create()
    {
        var renewals = new Option<int>("--renewals") { Description = "average over so many, one every 2.5 s", DefaultValueFactory = _ => 8 };
        var scale = new Option<int[]>("--scale")
        {
            Description = "instead: processor time of one process that renews so many host ids on one file, e.g. --scale 50 100 200",
            AllowMultipleArgumentsPerToken = true,
        };
        var seconds = new Option<int>("--seconds") { Description = "with --scale: measure so long at each number", DefaultValueFactory = _ => 15 };
        var json = CommonOptions.Json();
        var command = new Command("lease", "Requests and bytes of a renewal, an acquire and a release: ours beside sanlock's daemon on the same file.")
        {
            renewals, scale, seconds, json,
        };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var asJson = parsed.GetValue(json);
            void Progress(string line)
            {
                if (!asJson)
                {
                    Console.Error.WriteLine(line);
                }
            }
            var (count, holders, duration) = (parsed.GetValue(renewals), parsed.GetValue(scale) ?? [], parsed.GetValue(seconds));
            if (count is < 1 or > 1000 || duration is < 5 or > 600 || holders.Any(number => number is < 1 or > 2000))
            {
                throw Refusal.Invalid("1 to 1000 renewals, 1 to 2000 host ids and 5 to 600 seconds can be measured.");
            }
            var directory = Directory.CreateTempSubdirectory("spm-bench-").FullName;
            try
            {
                if (holders.Length > 0)
                {
                    var points = await LeaseScaleBench.RunAsync(holders, TimeSpan.FromSeconds(duration), directory, Progress, stop);
                    PrintScale(points, asJson);
                }
                else
                {
                    Print(await LeaseBench.RunAsync(count, directory, Progress, stop), asJson);
                }
                return 0;
            }
            finally
            {
                Directory.Delete(directory, recursive: true);
            }
        }));
        return command;
    }

    static void Print(LeaseBenchResult result, bool asJson)
    {
        if (asJson)
        {
            Output.WriteJson(result);
            return;
        }
        Output.WriteTable(["", "READS", "WRITES", "BYTES READ", "BYTES WRITTEN"], [.. Rows("ours", result.Ours), .. result.Sanlock is { } peer ? Rows("sanlock", peer) : []]);
        Console.Out.WriteLine();
        Console.Out.WriteLine($"ours takes {result.RenewalMilliseconds} ms to renew, {result.AcquireMilliseconds} ms to acquire, {result.ReleaseMilliseconds} ms to release");
        Console.Out.WriteLine($"sanlock: {result.SanlockCounted}");
        if (result.NotMoreIosThanSanlock is { } held)
        {
            Console.Out.WriteLine(held ? "not more requests than sanlock per renewal, acquire and release" : "MORE requests than sanlock");
        }
    }

    static IEnumerable<string[]> Rows(string who, LeaseCost cost) =>
        new[] { ("renewal", cost.Renewal), ("acquire", cost.Acquire), ("release", cost.Release) }
            .Select(row => new[] { $"{who}, {row.Item1}", $"{row.Item2.Reads}", $"{row.Item2.Writes}", $"{row.Item2.BytesRead}", $"{row.Item2.BytesWritten}" });

    static void PrintScale(IReadOnlyList<LeaseScalePoint> points, bool asJson)
    {
        if (asJson)
        {
            Output.WriteJson(points);
            return;
        }
        Output.WriteTable(["LEASES", "RENEWALS", "CPU S", "CPU S PER LEASE-MINUTE", "SLOWEST RENEWAL"], points.Select(point => new[]
        {
            $"{point.Leases}", $"{point.Renewals}", $"{point.CpuSeconds}", $"{point.CpuSecondsPerLeaseMinute}", $"{point.SlowestRenewalMilliseconds} ms",
        }));
    }
}
