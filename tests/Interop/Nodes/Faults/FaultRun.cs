using OvirtSpm.Interop.Demo;

namespace OvirtSpm.Interop.Nodes.Faults;

/// <summary>Real processes, clients and faults on one LUN, for a while; then everything acknowledged must be there.</summary>
sealed class FaultRun(int nodeCount, int seed, TimeSpan duration, Action<string> report)
{
    /// <summary>From the last fault to an SPM that answers: the failover bound, and as much again for a machine that starts processes at the same time.</summary>
    static readonly TimeSpan Recovery = TimeSpan.FromSeconds(60);

    readonly Ledger ledger = new();
    readonly Dictionary<FaultKind, int> faults = Enum.GetValues<FaultKind>().ToDictionary(kind => kind, _ => 0);

    public async Task RunAsync()
    {
        DemoTools.NeedRoot();
        DemoTools.Need("lvm");
        await using var cluster = await NodeCluster.CreateAsync(extent: "8M", device: true);
        using var holds = new HoldList(cluster.Lun, nodeCount);
        SupervisedNode[] nodes = [.. Enumerable.Range(1, nodeCount).Select(id => new SupervisedNode(cluster, id, holds.Of(id)))];
        await Task.WhenAll(nodes.Select(node => node.StartAsync()));
        await NodeCluster.WaitAsync(Recovery, "an SPM leads", async () => await LeaderAsync(nodes) is not null);

        using var stopClients = new CancellationTokenSource();
        using var giveUp = new CancellationTokenSource();
        using var stopRest = new CancellationTokenSource();
        var observer = new MetadataObserver(cluster.Lun, ledger);
        var watching = observer.RunAsync(stopRest.Token);
        FaultClient[] clients = [.. Enumerable.Range(0, 4).Select(i => new FaultClient(ledger, nodes, seed * 100 + i))];
        var asking = Task.WhenAll(clients.Select(client => client.RunAsync(stopClients.Token, giveUp.Token)));
        var supervising = Task.WhenAll(nodes.Select(node => node.SuperviseAsync(stopRest.Token)));
        try
        {
            await DisturbAsync(nodes, holds.CanHold ? observer : null);
            var before = ledger.Acknowledged;
            await NodeCluster.WaitAsync(Recovery, "every node is up, and clients are answered again", async () =>
                ledger.Acknowledged > before + 20 && (await Task.WhenAll(nodes.Select(IsUpAsync))).All(up => up));
            await stopClients.CancelAsync();
            // Each client has one request that it asks until it is answered.
            giveUp.CancelAfter(Recovery);
            await asking;
        }
        finally
        {
            await giveUp.CancelAsync();
            await stopRest.CancelAsync();
            await Task.WhenAny(asking);
            await supervising;
        }
        await watching;
        await Task.WhenAll(nodes.Select(node => node.EndAsync()));
        ledger.CheckLine();
        CheckWithLvm(cluster);
        Report(nodes, clients, observer);
        Assert.True(ledger.Violations.Count == 0, $"seed {seed}:\n{string.Join('\n', ledger.Violations.Take(20))}");
        Assert.All(nodes, node => Assert.DoesNotContain("a defect in this program", node.Log, StringComparison.Ordinal));
        // Seen on the LUN: on a busy machine a whole epoch may end without an acknowledgement.
        Assert.True(observer.Epochs.Count > 1, "the role never moved: the faults hit nobody");
    }

    /// <param name="observer">Says when to hold writes; null when this machine cannot.</param>
    async Task DisturbAsync(SupervisedNode[] nodes, MetadataObserver? observer)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var acting = new List<Task>();
        foreach (var fault in FaultPlan.Make(seed, nodeCount, duration, canHold: observer is not null))
        {
            if (fault.At - clock.Elapsed is { Ticks: > 0 } rest)
            {
                await Task.Delay(rest);
            }
            var target = fault.Leader && await LeaderAsync(nodes) is { } leader ? leader : nodes[fault.Index];
            if (faults.Values.Sum() == 0)
            {
                await NodeCluster.WaitAsync(Recovery, "an SPM says so", async () => (target = await LeaderAsync(nodes) ?? target) is var found && await LeaderAsync(nodes) == found);
            }
            faults[fault.Kind]++;
            acting.Add(fault.Kind switch
            {
                FaultKind.Kill => target.KillAsync(fault.For),
                FaultKind.Terminate => target.TerminateAsync(fault.For),
                FaultKind.Freeze => target.FreezeAsync(fault.For),
                FaultKind.HoldWrites => HoldWritesOfLeaderAsync(nodes, observer!, fault.For),
                _ => target.StutterAsync(fault.For),
            });
        }
        await Task.WhenAll(acting);
    }

    static async Task HoldWritesOfLeaderAsync(SupervisedNode[] nodes, MetadataObserver observer, TimeSpan longer)
    {
        SupervisedNode? target = null;
        for (var clock = System.Diagnostics.Stopwatch.StartNew(); (target = await LeaderAsync(nodes)) is null; await Task.Delay(50))
        {
            if (clock.Elapsed > Recovery)
            {
                return; // the other faults have left no SPM for that long; that one comes back is asked when they are over
            }
        }
        await target.HoldWritesAsync(() => HalfWayAsync(observer), () => ReplacedAsync(nodes, target), longer);
    }

    static async Task HalfWayAsync(MetadataObserver observer)
    {
        for (var clock = System.Diagnostics.Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromSeconds(3) && !observer.IsBetweenHeaders;)
        {
            await Task.Delay(5);
        }
    }

    /// <summary>Somebody else leads, or the time in which that happens is over: other faults hit the others meanwhile.</summary>
    static async Task ReplacedAsync(SupervisedNode[] nodes, SupervisedNode former)
    {
        for (var clock = System.Diagnostics.Stopwatch.StartNew(); clock.Elapsed < 2 * NodeCluster.FailoverBound;)
        {
            if (await LeaderAsync(nodes) is { } leader && leader != former)
            {
                return;
            }
            await Task.Delay(100);
        }
    }

    static async Task<SupervisedNode?> LeaderAsync(SupervisedNode[] nodes)
    {
        foreach (var node in nodes)
        {
            try
            {
                if (node.Client() is { } client && (await client.StatusAsync().WaitAsync(TimeSpan.FromSeconds(1))).Role == "leading")
                {
                    return node;
                }
            }
            catch (Exception gone) when (gone is Node.Refusal or TimeoutException)
            {
                // Down or standing still.
            }
        }
        return null;
    }

    static async Task<bool> IsUpAsync(SupervisedNode node) =>
        node.Client() is { } client && (await client.StatusAsync()) is { LeaseMarginSeconds: > 0, LeaderId: not null };

    /// <summary>An independent reader agrees with what was acknowledged.</summary>
    void CheckWithLvm(NodeCluster cluster)
    {
        using var lvm = LvmTool.Attach(cluster.File);
        lvm.MustRun("vgck", cluster.Domain);
        var sizes = lvm.Report("lvs", "lv", "-o", "lv_name,lv_size", cluster.Domain)
            .ToDictionary(row => row.GetProperty("lv_name").GetString()!, row => long.Parse(row.GetProperty("lv_size").GetString()!));
        foreach (var fact in ledger.Facts)
        {
            var found = sizes.GetValueOrDefault($"{fact.Volume}");
            if (fact.State == FactState.There && found < fact.Bytes || fact.State == FactState.Gone && found > 0)
            {
                ledger.Violated($"lvs shows {fact.Volume} with {found} bytes; acknowledged was {fact.State}, {fact.Bytes} bytes");
            }
        }
    }

    void Report(SupervisedNode[] nodes, FaultClient[] clients, MetadataObserver observer)
    {
        var refused = clients.SelectMany(client => client.Refusals).GroupBy(pair => pair.Key, (code, all) => $"{code} {all.Sum(pair => pair.Value)}");
        report($"seed {seed}, {nodeCount} nodes, {duration.TotalSeconds:0} s: faults {string.Join(", ", faults.Select(pair => $"{pair.Key} {pair.Value}"))}; "
            + $"{nodes.Sum(node => node.Starts)} starts, {nodes.Sum(node => node.OwnDeaths)} deaths of their own");
        report($"{ledger.Acknowledged} acknowledged over {ledger.Epochs.Count} of {observer.Epochs.Count} epochs, longest silence {ledger.LongestSilence.TotalSeconds:0.0} s; not answered with yes: {string.Join(", ", refused)}");
        var repaired = nodes.Sum(node => node.Log.Split("a stale write of a former SPM").Length - 1);
        report($"{observer.Readings} readings of the metadata, {observer.LateWrites} late writes seen, {repaired} repaired and counted, "
            + $"the longest unrepaired for {observer.LongestUnrepaired.TotalMilliseconds:0} ms; violations {ledger.Violations.Count}");
    }
}
