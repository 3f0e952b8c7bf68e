using OvirtSpm.Node.Demo;

namespace OvirtSpm.Node.Bench;

/// <summary>Extends driven by the write thresholds of real QEMUs, on one node.</summary>
/// <remarks>
/// A volume that is written steadily is extended about once a second however fast it is written: the chunk follows the rate. So many
/// extends in a short time need many guests; small extents and a pace of less than one extent a second keep the data small.
/// </remarks>
static class GuestExtendBench
{
    const long LunBytes = 16L << 30, VirtualBytes = 2L << 30, NeededBytes = 4L << 30;
    const int ExtentBytes = 4 << 20, Guests = 16;

    /// <summary>What a new volume has is nearly filled first. Then more than any guest needs, at a pace just below one extent a second.</summary>
    static readonly WritePlan plan = new(512 << 20, 512 << 20, TimeSpan.FromSeconds(400 / 3.75), 128 << 10, 2, HeadBytes: 112 << 20);

    /// <summary>Between the guests' beginnings: together they would meet their thresholds together, again and again.</summary>
    static readonly TimeSpan Apart = TimeSpan.FromSeconds(1.1 / Guests);

    static readonly TimeSpan ProgressInterval = TimeSpan.FromSeconds(2);

    /// <param name="extends">At least so many are measured.</param>
    /// <param name="progress">One line for people now and then.</param>
    /// <exception cref="Refusal">A missing tool, or a node that did not do its part.</exception>
    public static async Task<GuestExtendResult> RunAsync(int extends, Action<string> progress, CancellationToken stop)
    {
        Leftovers.Remove(progress);
        using var run = RunDirectory.Create(null, NeededBytes);
        using var children = new ChildProcesses(run);
        var lun = await CreateDomainAsync(run, children, stop);
        using var node = await NodeProcess.StartAsync(children, run, lun, hostId: 1, stop);
        await WaitForLeaderAsync(node, stop);

        List<DemoGuest> guests = [];
        List<Task> writing = [];
        try
        {
            for (var number = 1; number <= Guests; number++)
            {
                guests.Add(await DemoGuest.StartAsync(children, run, node, $"guest{number}", VirtualBytes, plan, stop));
            }
            progress($"{Guests} guests are ready");
            foreach (var guest in guests)
            {
                writing.Add(guest.Writer.RunAsync(Task.CompletedTask, stop));
                await Task.Delay(Apart, stop);
            }
            await MeasureAsync(node, extends, Task.WhenAll(writing), progress, stop);
            guests.ForEach(guest => guest.Writer.FinishEarly());
            await Task.WhenAll(writing);
            var latencies = await LatenciesAsync(node, stop);
            foreach (var guest in guests)
            {
                await guest.ShutDownAsync(stop);
            }
            await node.Process.EndAsync(TimeSpan.FromSeconds(20));
            return new(
                latencies.Count, Percentile.Of(latencies, 0.5)!.Value, Percentile.Of(latencies, 0.99)!.Value, Percentile.Of(latencies, 1)!.Value,
                guests.Sum(guest => guest.Writer.Errors));
        }
        finally
        {
            foreach (var guest in guests)
            {
                await guest.DisposeAsync();
            }
        }
    }

    static async Task MeasureAsync(NodeProcess node, int extends, Task written, Action<string> progress, CancellationToken stop)
    {
        while (await LatenciesAsync(node, stop) is var latencies && latencies.Count < extends)
        {
            if (written.IsCompleted)
            {
                throw Refusal.Unavailable($"only {latencies.Count} extends although {Guests} guests wrote {plan.TotalBytes >> 20} MiB each: is the chunk very large?");
            }
            progress($"{latencies.Count} extends, p50 {Percentile.Of(latencies, 0.5):0.00} ms, p99 {Percentile.Of(latencies, 0.99):0.00} ms");
            await Task.Delay(ProgressInterval, stop);
        }
    }

    static async Task<IReadOnlyList<double>> LatenciesAsync(NodeProcess node, CancellationToken stop) =>
        [.. (await node.Api.GuestsAsync(stop)).SelectMany(guest => guest.Disks).SelectMany(disk => disk.LatenciesMilliseconds)];

    static async Task<string> CreateDomainAsync(RunDirectory run, ChildProcesses children, CancellationToken stop)
    {
        var lun = run.At("lun");
        await using (var file = new FileStream(lun, FileMode.CreateNew, FileAccess.Write))
        {
            file.SetLength(LunBytes);
        }
        var created = await children.RunAsync(
            NodeProcess.ProgramPath,
            ["domain", "create", "--lun", lun, "--io-timeout", "1", "--watchdog-timeout", "0", "--extent-size", $"{ExtentBytes}", "--json"],
            TimeSpan.FromMinutes(2),
            stop);
        return created.ExitCode == 0 ? lun : throw Refusal.Unavailable($"no domain on {lun}: {created.Words}");
    }

    static async Task WaitForLeaderAsync(NodeProcess node, CancellationToken stop)
    {
        var cluster = new ClusterWatch([node]);
        using var watching = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var watch = cluster.RunAsync(watching.Token);
        try
        {
            await cluster.WaitForAsync("leader", seen => seen.Leader is not null, TimeSpan.FromSeconds(60), stop);
        }
        finally
        {
            await watching.CancelAsync();
            await watch;
        }
    }
}
