using System.Diagnostics;
using OvirtSpm.Interop.Demo;
using OvirtSpm.Interop.Nodes.Faults;
using OvirtSpm.Interop.Nodes.Walk;

namespace OvirtSpm.Interop.Nodes;

/// <summary>A random walk through everything that can be done with volumes, by three nodes that are killed in the middle of it.</summary>
public sealed class NodeWalkTests
{
    const int Operations = 2000;

    [Fact]
    public Task Two_thousand_operations_and_five_kills_lose_nothing() => RunAsync(kills: 5, seed: 1);

    [Fact(Explicit = true)]
    public Task Two_thousand_operations_and_forty_kills_lose_nothing() => RunAsync(kills: 40, Seed);

    static int Seed => int.TryParse(Environment.GetEnvironmentVariable("SPM_WALK_SEED"), out var seed) ? seed : Random.Shared.Next(1_000_000);

    static async Task RunAsync(int kills, int seed)
    {
        DemoTools.NeedRoot();
        DemoTools.Need("lvm", "qemu-img", "qemu-io", "qemu-storage-daemon");
        await using var cluster = await NodeCluster.CreateAsync(extent: "8M");
        SupervisedNode[] nodes = [.. Enumerable.Range(1, 3).Select(id => new SupervisedNode(cluster, id) { ClientPatience = TimeSpan.FromMinutes(1) })];
        await Task.WhenAll(nodes.Select(node => node.StartAsync()));
        using var stop = new CancellationTokenSource();
        var supervising = Task.WhenAll(nodes.Select(node => node.SuperviseAsync(stop.Token)));
        var random = new Random(seed);
        var walk = new VolumeWalk(cluster, nodes, seed);
        var clock = Stopwatch.StartNew();
        try
        {
            for (var (operation, kill) = (0, 0); operation < Operations; operation++)
            {
                var dies = operation == (kill + 1) * Operations / (kills + 1);
                var step = walk.StepAsync(@long: dies);
                if (dies)
                {
                    kill++;
                    await Task.Delay(random.Next(300));
                    await KillAsync(nodes, random);
                    await step;
                    await WalkCheck.RunAsync(cluster, nodes, walk);
                }
                await step;
            }
            await WalkCheck.RunAsync(cluster, nodes, walk);
        }
        finally
        {
            await stop.CancelAsync();
            await supervising;
        }
        await Task.WhenAll(nodes.Select(node => node.EndAsync()));
        NodeCluster.Report($"seed {seed}: {Operations} operations in {clock.Elapsed.TotalSeconds:0} s, {kills} kills, {walk.Undone} never happened; "
            + string.Join(", ", walk.Done.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key} {pair.Value}")));
        Assert.All(nodes, node => Assert.DoesNotContain("a defect in this program", node.Log, StringComparison.Ordinal));
    }

    /// <summary>The SPM in two of three cases.</summary>
    static async Task KillAsync(SupervisedNode[] nodes, Random random)
    {
        var target = nodes[random.Next(nodes.Length)];
        if (random.Next(3) > 0)
        {
            foreach (var node in nodes)
            {
                try
                {
                    target = node.Client() is { } client && (await client.StatusAsync()).Role == "leading" ? node : target;
                }
                catch (Node.Refusal)
                {
                    // Not up.
                }
            }
        }
        await target.KillAsync(TimeSpan.FromSeconds(random.Next(3)));
    }
}
