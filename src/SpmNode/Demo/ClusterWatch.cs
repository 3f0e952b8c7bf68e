using System.Diagnostics;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Demo;

/// <summary>What all nodes say of themselves and their guests, looked at over and over; the last words of a dead node stay.</summary>
sealed class ClusterWatch(IReadOnlyList<NodeProcess> nodes)
{
    public const string Leading = "leading";

    static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    /// <summary>A node that hangs must not keep the others from being looked at.</summary>
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    readonly long began = Stopwatch.GetTimestamp();
    readonly Dictionary<int, (StatusReply? Status, IReadOnlyList<GuestReply> Guests)> last = [];

    public IReadOnlyList<NodeProcess> Nodes => nodes;

    public ExtendLog Extends { get; } = new();

    /// <summary>Since the watch began.</summary>
    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(began);

    public IEnumerable<NodeProcess> Alive => nodes.Where(node => !node.Process.HasExited);

    public StatusReply? StatusOf(NodeProcess node)
    {
        lock (last) return last.GetValueOrDefault(node.HostId).Status;
    }

    public IReadOnlyList<GuestReply> GuestsOf(NodeProcess node)
    {
        lock (last) return last.GetValueOrDefault(node.HostId).Guests ?? [];
    }

    /// <summary>The living node that leads, if any does.</summary>
    public NodeProcess? Leader => Alive.FirstOrDefault(node => IsLeading(StatusOf(node)));

    public static bool IsLeading(StatusReply? status) => string.Equals(status?.Role, Leading, StringComparison.OrdinalIgnoreCase);

    /// <summary>Runs until stopped.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(Interval);
        try
        {
            do
            {
                await LookAsync(stop);
            }
            while (await timer.WaitForNextTickAsync(stop));
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    public Task LookAsync(CancellationToken stop) => Task.WhenAll(Alive.Select(node => LookAsync(node, stop)));

    /// <exception cref="Refusal">Not within <paramref name="patience"/>, or a node ended meanwhile.</exception>
    public async Task WaitForAsync(string what, Func<ClusterWatch, bool> reached, TimeSpan patience, CancellationToken stop)
    {
        var waiting = Stopwatch.GetTimestamp();
        while (!reached(this))
        {
            if (nodes.FirstOrDefault(node => node.Process.HasExited) is { } dead)
            {
                throw Refusal.Unavailable($"{dead.Name} ended with exit code {dead.Process.ExitCode} while waiting for {what}.");
            }
            if (Stopwatch.GetElapsedTime(waiting) > patience)
            {
                throw Refusal.Unavailable($"no {what} within {patience.TotalSeconds:0} s; the nodes say: "
                    + string.Join(", ", nodes.Select(node => $"{node.Name} {StatusOf(node)?.Role ?? "nothing"}")));
            }
            await Task.Delay(20, stop);
        }
    }

    async Task LookAsync(NodeProcess node, CancellationToken stop)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(Patience);
        try
        {
            var status = await node.Api.StatusAsync(limit.Token);
            var guests = await node.Api.GuestsAsync(limit.Token);
            Extends.Observe(guests, Elapsed);
            lock (last) last[node.HostId] = (status, guests);
        }
        catch (Exception silent) when (silent is Refusal or OperationCanceledException && !stop.IsCancellationRequested)
        {
            // It may be dead or busy; what it said last stays on the screen, and whoever waits for it has a limit of its own.
        }
    }
}
