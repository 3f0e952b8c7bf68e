namespace OvirtSpm.Interop.Nodes;

/// <summary>Two nodes that would look like one are refused, and the first one does not notice.</summary>
public sealed class NodeIdentityTests
{
    [Fact]
    public async Task A_second_node_with_the_same_host_id_name_or_state_is_refused_and_says_why()
    {
        await using var cluster = await NodeCluster.CreateAsync();
        var node = await cluster.StartAsync(1);
        await NodeCluster.LeaderAsync([node], TimeSpan.FromSeconds(20));
        var generation = (await node.Client.StatusAsync()).Generation;
        string Elsewhere(string name) => cluster.Run.At(name);

        // Another path to the same LUN is the same LUN: the lock is in the file, not in its name.
        var link = cluster.Run.At("link");
        File.CreateSymbolicLink(link, cluster.Lun);
        var tries = await Task.WhenAll(
            cluster.SpmAsync(cluster.Arguments(1, name: "twin", state: Elsewhere("a"))),
            cluster.SpmAsync(cluster.Arguments(1, name: "host1", state: Elsewhere("b"), lun: link)),
            cluster.SpmAsync(cluster.Arguments(2, name: "host1", state: Elsewhere("c"))),
            cluster.SpmAsync(cluster.Arguments(3, name: "host3", state: cluster.StateOf(1))));

        Assert.All(tries, refused => Assert.Equal(1, refused.ExitCode));
        Assert.Contains("host id 1", tries[0].Errors, StringComparison.Ordinal);
        Assert.Contains("give this node another host id", tries[0].Errors, StringComparison.Ordinal);
        Assert.Contains("host id 1", tries[1].Errors, StringComparison.Ordinal);
        Assert.Contains("the name 'host1' is used by host id 1", tries[2].Errors, StringComparison.Ordinal);
        Assert.Contains("another node runs with the state directory", tries[3].Errors, StringComparison.Ordinal);
        var after = await node.Client.StatusAsync();
        Assert.Equal(("leading", generation), (after.Role, after.Generation));
        Assert.Equal("1", Path.GetFileName(cluster.StateOf(1)));
        Assert.True(File.Exists(Path.Combine(cluster.StateOf(1), "url")), "the refused twin took the first node's address file with it");
    }

    [Fact]
    public async Task Two_nodes_of_one_name_that_start_together_do_not_both_stay()
    {
        await using var cluster = await NodeCluster.CreateAsync();
        var first = await cluster.Children.StartAsync("one", NodeCluster.Program, cluster.Arguments(1, name: "same"));
        var second = await cluster.Children.StartAsync("two", NodeCluster.Program, cluster.Arguments(2, name: "same"));
        var one = first.WaitForExitAsync(TestContext.Current.CancellationToken);
        var two = second.WaitForExitAsync(TestContext.Current.CancellationToken);
        var ended = await Task.WhenAny(one, two).WaitAsync(TimeSpan.FromSeconds(30));
        var log = File.ReadAllText(cluster.Run.Log(ended == one ? "one" : "two"));
        Assert.Contains("the name 'same' is used by host id", log, StringComparison.Ordinal);
        Assert.Equal(1, (ended == one ? first : second).ExitCode);
    }
}
