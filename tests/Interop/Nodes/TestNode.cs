using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.Interop.Nodes;

/// <summary>One node process and its API.</summary>
sealed class TestNode(NodeCluster cluster, int hostId, ChildProcess process, string[] more)
{
    const int SigStop = 19, SigCont = 18;

    NodeClient? client;

    public int HostId => hostId;

    public string Url { get; private set; } = "";

    public NodeClient Client => client ?? throw new InvalidOperationException("it has not joined yet");

    public ChildProcess Process => process;

    public string Log => File.ReadAllText(cluster.Run.Log($"host{hostId}"));

    /// <summary>Its log has these words: they are written a moment after what they tell of, by a thread of their own.</summary>
    public Task SaysAsync(string words) =>
        NodeCluster.WaitAsync(TimeSpan.FromSeconds(30), $"'{words}' in {cluster.Run.Log($"host{hostId}")}", () => Task.FromResult(Log.Contains(words, StringComparison.Ordinal)));

    /// <summary>As a scrape gets them.</summary>
    public async Task<string> MetricsAsync()
    {
        using var http = new HttpClient();
        return await http.GetStringAsync($"{Url}/metrics", TestContext.Current.CancellationToken);
    }

    /// <summary>Returns when the node holds its host id.</summary>
    public async Task JoinedAsync()
    {
        var file = Path.Combine(cluster.StateOf(hostId), "url");
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(120), $"host {hostId} joins: {cluster.Run.Log($"host{hostId}")}", async () =>
        {
            Assert.False(process.HasExited, $"host {hostId} ended: {(process.HasExited ? Log : "")}");
            if (client is null && File.Exists(file) && await File.ReadAllTextAsync(file) is { Length: > 0 } url)
            {
                (Url, client) = (url, new NodeClient(url, TimeSpan.FromSeconds(30)));
            }
            return client is not null && (await client.StatusAsync()) is { LeaseMarginSeconds: > 0 };
        });
    }


    public void Kill() => process.Kill();

    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    public void Freeze() => Signal(SigStop);

    public void Thaw() => Signal(SigCont);

    /// <summary>SIGTERM, and its orderly end.</summary>
    public async Task EndAsync(TimeSpan patience) =>
        Assert.True(await process.EndAsync(patience), $"host {hostId} did not end within {patience.TotalSeconds:0} s of SIGTERM");

    /// <summary>The same node again: same host id, name and state.</summary>
    public async Task<TestNode> RestartAsync()
    {
        File.Delete(Path.Combine(cluster.StateOf(hostId), "url"));
        return await cluster.StartAsync(hostId, more);
    }

    void Signal(int signal) => Assert.True(
        ProcessIdentity.Of(process.Pid)?.Signal(signal), $"host {hostId} (process {process.Pid}) is gone");
}
