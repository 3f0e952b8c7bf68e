using OvirtSpm.Interop.Nodes.Faults;

namespace OvirtSpm.Interop.Nodes;

/// <summary>Kill -9, SIGSTOP storms, SIGTERM on real nodes at T = 1 s: one line of commits, and nothing acknowledged is lost.</summary>
public sealed class NodeFaultTests
{
    [Fact]
    public Task Random_faults_on_three_nodes_lose_nothing() => RunAsync(3, seed: 1, TimeSpan.FromSeconds(12));

    [Fact(Explicit = true)]
    public Task Ten_minutes_of_random_faults_on_three_nodes_lose_nothing() => RunAsync(3, Seed, TimeSpan.FromMinutes(10));

    [Fact(Explicit = true)]
    public Task Ten_minutes_of_random_faults_on_eight_nodes_lose_nothing() => RunAsync(8, Seed, TimeSpan.FromMinutes(10));

    /// <summary>Another one each time, printed with the result; SPM_FAULT_SEED repeats the plan of one.</summary>
    static int Seed => int.TryParse(Environment.GetEnvironmentVariable("SPM_FAULT_SEED"), out var seed) ? seed : Random.Shared.Next(1_000_000);

    static Task RunAsync(int nodes, int seed, TimeSpan duration) => new FaultRun(nodes, seed, duration, NodeCluster.Report).RunAsync();
}
