using OvirtSpm.Node.Api;
using OvirtSpm.Node.Demo.Verification;

namespace OvirtSpm.Node.Demo;

/// <summary>One run from the empty LUN to the verdict, step by step as a person would tell it.</summary>
sealed class DemoShow(DemoOptions options, IDemoView view, DemoBoard board, RunDirectory run, ChildProcesses children)
{
    /// <summary>Two guests' gibibytes, their images' own tables, and what a domain's special volumes are initialised with.</summary>
    public const long NeededBytes = 3L << 30;

    const long LunBytes = 24L << 30, VirtualBytes = 8L << 30;

    /// <summary>The old SPM dies after this share of the writing time.</summary>
    const double KillAfter = 1.0 / 3;

    static readonly TimeSpan ElectionPatience = TimeSpan.FromSeconds(90), WritingPatience = TimeSpan.FromMinutes(3);

    readonly List<string> broken = [];

    public async Task<(DemoSummary Summary, IReadOnlyList<string> Broken)> RunAsync(CancellationToken stop)
    {
        view.Say("io timeout 1 s and no watchdog: quick enough to watch, UNSAFE for data that matters");
        var lun = await CreateDomainAsync(stop);
        using var watching = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var nodes = await Task.WhenAll(Enumerable.Range(1, options.Hosts).Select(id => NodeProcess.StartAsync(children, run, lun, id, stop)));
        var cluster = new ClusterWatch(nodes);
        board.Cluster = cluster;
        var watch = cluster.RunAsync(watching.Token);
        List<DemoGuest> guests = [];
        try
        {
            await cluster.WaitForAsync("leader that all hosts know", Agreed, ElectionPatience, stop);
            view.Say($"{cluster.Leader!.Name} is the SPM, epoch {cluster.StatusOf(cluster.Leader)!.Epoch}");
            var bound = cluster.StatusOf(cluster.Leader)!.FailoverBoundSeconds;
            var killAfter = options.Writing * KillAfter;
            // A short --seconds must still leave guests writing when the next SPM comes.
            var paced = TimeSpan.FromSeconds(Math.Max(options.Writing.TotalSeconds, killAfter.TotalSeconds + bound + 3));
            await StartGuestsAsync(cluster, WritePlan.Demo(paced), guests, stop);

            var failover = await WriteThroughFailoverAsync(cluster, guests, killAfter, paced, stop);
            foreach (var guest in guests)
            {
                await guest.ShutDownAsync(stop);
            }
            await cluster.LookAsync(stop);
            await watching.CancelAsync();
            await watch;
            view.Say("guests are off; independent tools look at what is there");
            var (verified, skipped) = await new DemoVerdict(children, run, cluster, lun, view, broken).RunAsync(guests, stop);
            return (Summarise(cluster, guests, failover, verified, skipped), broken);
        }
        finally
        {
            await watching.CancelAsync();
            foreach (var guest in guests)
            {
                await guest.DisposeAsync();
            }
            foreach (var node in nodes)
            {
                node.Dispose();
            }
        }
    }

    async Task<string> CreateDomainAsync(CancellationToken stop)
    {
        var lun = options.Lun is { } chosen ? Path.GetFullPath(chosen) : Path.Combine(run.Data, "lun");
        if (options.Lun is null)
        {
            await using var file = new FileStream(lun, FileMode.CreateNew, FileAccess.Write);
            file.SetLength(LunBytes);
        }
        // The verb refuses a device that holds anything, and says what it found.
        var created = await children.RunAsync(
            NodeProcess.ProgramPath, ["domain", "create", "--lun", lun, "--io-timeout", "1", "--watchdog-timeout", "0", "--json"], TimeSpan.FromMinutes(2), stop);
        if (created.ExitCode != 0)
        {
            throw Refusal.Conflict($"{created.Words} The demo takes nothing but an empty LUN and wipes none.");
        }
        view.Say($"made a storage domain on {lun}");
        return lun;
    }

    static bool Agreed(ClusterWatch cluster) =>
        cluster.Leader is { } leader && cluster.Nodes.All(node => cluster.StatusOf(node)?.LeaderId == leader.HostId);

    async Task StartGuestsAsync(ClusterWatch cluster, WritePlan plan, List<DemoGuest> guests, CancellationToken stop)
    {
        var followers = cluster.Nodes.Where(node => node != cluster.Leader).Take(2).ToArray();
        foreach (var number in new[] { 1, 2 })
        {
            var host = followers[(number - 1) % followers.Length];
            guests.Add(await DemoGuest.StartAsync(children, run, host, $"guest{number}", VirtualBytes, plan, stop));
            board.Guests = [.. guests];
            view.Say($"guest{number} runs on {host.Name}: a thin disk of {VirtualBytes >> 30} GiB in a real QEMU");
        }
    }

    async Task<Failover> WriteThroughFailoverAsync(
        ClusterWatch cluster, IReadOnlyList<DemoGuest> guests, TimeSpan killAfter, TimeSpan paced, CancellationToken stop)
    {
        using var writing = CancellationTokenSource.CreateLinkedTokenSource(stop);
        writing.CancelAfter(paced + WritingPatience);
        var recovered = new TaskCompletionSource();
        var writers = guests.Select(guest => guest.Writer.RunAsync(recovered.Task, writing.Token)).ToArray();
        try
        {
            await Task.Delay(killAfter, stop);
            view.Say($"killing the SPM, {cluster.Leader?.Name} (SIGKILL); the guests go on writing");
            var failover = await Failover.RunAsync(cluster, board, stop);
            if (failover.Successor is not { } successor)
            {
                throw Refusal.Unavailable(
                    $"nobody took over from {failover.Killed.Name} within three times the bound of {failover.BoundSeconds:0.0} s; --keep DIR keeps the logs.");
            }
            view.Say($"{successor.Name} is the SPM after {failover.Seconds:0.00} s (bound {failover.BoundSeconds:0.0} s)");
            recovered.SetResult();
            await Task.WhenAll(writers);
            return failover;
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw Refusal.Unavailable("the guests did not get their data written: "
                + string.Join(", ", guests.Select(guest => $"{guest.Name} {guest.Writer.WrittenBytes >> 20} MiB {guest.Writer.FirstError}")));
        }
        finally
        {
            await writing.CancelAsync();
            await Task.WhenAll(writers).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    DemoSummary Summarise(
        ClusterWatch cluster, IReadOnlyList<DemoGuest> guests, Failover failover,
        IReadOnlyList<VerifiedFact> verified, IReadOnlyList<VerifiedFact> skipped)
    {
        var (usual, overlapping) = cluster.Extends.Split(failover.KilledAt, failover.RecoveredAt ?? cluster.Elapsed);
        var statuses = cluster.Nodes.Select(cluster.StatusOf).OfType<StatusReply>().ToList();
        var (commits, requests) = (statuses.Sum(status => status.Commits), statuses.Sum(status => status.CommittedRequests));
        broken.AddRange(guests.Where(guest => guest.Writer.FirstError is not null).Select(guest => $"{guest.Name}: {guest.Writer.FirstError}"));
        return new(
            options.Hosts,
            cluster.Extends.Count,
            overlapping.Count,
            Percentile.Of(usual, 0.5),
            Percentile.Of(usual, 1),
            guests.Sum(guest => guest.Writer.Errors),
            Math.Round(guests.Max(guest => guest.Writer.SlowestMilliseconds), 1),
            failover.Seconds,
            failover.BoundSeconds,
            commits,
            commits == 0 ? 0 : Math.Round((double)requests / commits, 3),
            verified,
            skipped.Count == 0 ? null : skipped);
    }
}
