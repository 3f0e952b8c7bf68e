using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Demo;

/// <summary>Kills the SPM as a power cut would and measures until another one has a durable commit.</summary>
/// <param name="KilledAt">Since the watch began.</param>
/// <param name="RecoveredAt">When a survivor first said that it leads, which it says once its takeover commit is durable; null: it did not.</param>
sealed record Failover(NodeProcess Killed, NodeProcess? Successor, TimeSpan KilledAt, TimeSpan? RecoveredAt, double BoundSeconds)
{
    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(10);

    public double? Seconds => RecoveredAt is { } recovered ? Math.Round((recovered - KilledAt).TotalSeconds, 3) : null;

    /// <summary>Waits at most three times the bound: what takes longer has failed, by how much is of no interest.</summary>
    public static async Task<Failover> RunAsync(ClusterWatch cluster, DemoBoard board, CancellationToken stop)
    {
        var leader = cluster.Leader ?? throw Refusal.Unavailable("no host leads, so there is no SPM to kill.");
        // Asked afresh: a successor must lead with a higher epoch than the last one the victim had.
        var before = await leader.Api.StatusAsync(stop);
        var killedAt = cluster.Elapsed;
        leader.Process.Kill();
        board.Killed = leader;
        await leader.Process.WaitForExitAsync(stop);

        var limit = TimeSpan.FromSeconds(before.FailoverBoundSeconds * 3);
        while (cluster.Elapsed - killedAt < limit)
        {
            var answers = await Task.WhenAll(cluster.Alive.Select(async node => (Node: node, Status: await AskAsync(node, stop))));
            if (answers.FirstOrDefault(answer => ClusterWatch.IsLeading(answer.Status) && answer.Status!.Epoch > before.Epoch).Node is { } successor)
            {
                return new(leader, successor, killedAt, cluster.Elapsed, before.FailoverBoundSeconds);
            }
            await Task.Delay(Interval, stop);
        }
        return new(leader, null, killedAt, null, before.FailoverBoundSeconds);
    }

    static async Task<StatusReply?> AskAsync(NodeProcess node, CancellationToken stop)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(TimeSpan.FromSeconds(1));
        try
        {
            return await node.Api.StatusAsync(limit.Token);
        }
        catch (Exception silent) when (silent is Refusal or OperationCanceledException && !stop.IsCancellationRequested)
        {
            return null;
        }
    }
}
