using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using OvirtSpm.Interop.Demo;
using OvirtSpm.Node;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cli;

namespace OvirtSpm.Interop.Nodes;

/// <summary>The SPM ends, dies or stands still: somebody else leads, and nothing that was acknowledged is lost.</summary>
public sealed class NodeFailoverTests
{
    const long Step = 8L << 20;

    [Fact]
    public async Task Three_nodes_elect_one_SPM_and_SIGTERM_hands_over_without_losing_a_request()
    {
        await using var cluster = await NodeCluster.CreateAsync(extent: "8M");
        var nodes = await cluster.StartAsync(1, 2, 3);
        var leader = await NodeCluster.LeaderAsync(nodes, TimeSpan.FromSeconds(20));
        var statuses = await Task.WhenAll(nodes.Select(node => node.Client.StatusAsync()));
        Assert.Single(statuses, status => status.Role == "leading");
        var volume = await NodeCluster.CreateVolumeAsync(leader);

        var others = nodes.Where(node => node != leader).ToArray();
        await using var asking = new Extender(volume, others);
        await asking.AcknowledgedAsync(20);
        var epoch = (await leader.Client.StatusAsync()).Epoch;
        var handedOver = Stopwatch.StartNew();
        var ending = leader.EndAsync(TimeSpan.FromSeconds(10));
        var next = await NodeCluster.LeaderAsync(others, TimeSpan.FromSeconds(5));
        var took = handedOver.Elapsed;
        await asking.AcknowledgedAsync(asking.Acknowledged.Count + 20);
        await ending;
        await asking.StopAsync();

        NodeCluster.Report($"SIGTERM to a new SPM that everybody knows: {took.TotalMilliseconds:0} ms; longest answer around it {asking.Longest.TotalMilliseconds:0} ms");
        Assert.InRange(took, TimeSpan.Zero, TimeSpan.FromSeconds(2.5));
        Assert.True((await next.Client.StatusAsync()).Epoch > epoch);
        Assert.Equal(0, leader.Process.ExitCode);
        // Every request that was refused during the hand-over was asked again and granted: the sizes are without a gap.
        Assert.Equal(Enumerable.Range(0, asking.Acknowledged.Count).Select(i => asking.Acknowledged[0] + i * Step), asking.Acknowledged);
        var seen = await next.Client.GetVolumeAsync(volume.ToString());
        Assert.True(seen.AllocatedBytes >= asking.Acknowledged[^1], $"{seen.AllocatedBytes} < {asking.Acknowledged[^1]}");
    }

    [Fact]
    public async Task After_kill_9_another_leads_within_the_bound_and_stock_lvm2_sees_everything_acknowledged()
    {
        DemoTools.NeedRoot();
        DemoTools.Need("lvm");
        await using var cluster = await NodeCluster.CreateAsync(extent: "8M");
        var nodes = await cluster.StartAsync(1, 2, 3);
        var leader = await NodeCluster.LeaderAsync(nodes, TimeSpan.FromSeconds(20));
        var volumes = new[] { await NodeCluster.CreateVolumeAsync(leader), await NodeCluster.CreateVolumeAsync(leader) };
        var others = nodes.Where(node => node != leader).ToArray();
        await using var first = new Extender(volumes[0], others);
        await using var second = new Extender(volumes[1], others);
        await Task.WhenAll(first.AcknowledgedAsync(10), second.AcknowledgedAsync(10));

        var killed = Stopwatch.StartNew();
        leader.Kill();
        // An answer that came after the kill and was asked for after it can only be the next SPM's.
        await leader.Process.WaitForExitAsync(TestContext.Current.CancellationToken);
        var before = first.Acknowledged.Count;
        await first.AcknowledgedAsync(before + 2, TimeSpan.FromSeconds(30));
        var took = killed.Elapsed;
        await Task.WhenAll(first.AcknowledgedAsync(before + 10), second.AcknowledgedAsync(second.Acknowledged.Count + 10, TimeSpan.FromSeconds(30)));
        await Task.WhenAll(first.StopAsync(), second.StopAsync());
        NodeCluster.Report($"SIGKILL to the next durable extend: {took.TotalSeconds:0.00} s of at most {NodeCluster.FailoverBound.TotalSeconds} s");
        // The bound leaves the ballot's own I/O out, and the machine that tests may have little of it.
        Assert.InRange(took, TimeSpan.FromSeconds(5), NodeCluster.FailoverBound + TimeSpan.FromSeconds(2.5));

        await Task.WhenAll(others.Select(node => node.EndAsync(TimeSpan.FromSeconds(20))));
        using var lvm = LvmTool.Attach(cluster.Lun);
        lvm.MustRun("vgck", cluster.Domain);
        var sizes = lvm.Report("lvs", "lv", "-o", "lv_name,lv_size", cluster.Domain)
            .ToDictionary(row => row.GetProperty("lv_name").GetString()!, row => long.Parse(row.GetProperty("lv_size").GetString()!));
        Assert.True(sizes[$"{volumes[0]}"] >= first.Acknowledged[^1], $"{sizes[$"{volumes[0]}"]} < {first.Acknowledged[^1]}");
        Assert.True(sizes[$"{volumes[1]}"] >= second.Acknowledged[^1], $"{sizes[$"{volumes[1]}"]} < {second.Acknowledged[^1]}");
    }

    [Fact]
    public async Task A_former_SPM_that_stood_still_acknowledges_nothing_and_comes_back_as_a_follower()
    {
        await using var cluster = await NodeCluster.CreateAsync(extent: "8M", killTimer: false);
        var nodes = await cluster.StartAsync(1, 2);
        var former = await NodeCluster.LeaderAsync(nodes, TimeSpan.FromSeconds(20));
        var other = nodes.Single(node => node != former);
        var volume = await NodeCluster.CreateVolumeAsync(former);
        var epoch = (await former.Client.StatusAsync()).Epoch;
        using var direct = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri(former.Url) };
        // One connection is open before, the others are accepted by the kernel alone while the process stands still.
        (await direct.GetAsync("/healthz", TestContext.Current.CancellationToken)).EnsureSuccessStatusCode();

        former.Freeze();
        var frozen = Stopwatch.StartNew();
        var late = Enumerable.Range(1, 8).Select(i => direct.PostAsJsonAsync(
            $"/v1/volumes/{volume}/extend", new ExtendVolumeRequest((256L << 20) + i * Step, null, null, null), Output.Json)).ToList();
        late.Add(direct.PostAsJsonAsync("/v1/volumes", new CreateVolumeRequest(Guid.NewGuid().ToString(), null, 1 << 20, "cow", null, false), Output.Json));
        await NodeCluster.WaitAsync(NodeCluster.FailoverBound + TimeSpan.FromSeconds(2.5), "the other one leads", async () =>
            (await other.Client.StatusAsync()) is { Role: "leading" } status && status.Epoch > epoch);
        var took = frozen.Elapsed;
        var granted = await other.Client.ExtendVolumeAsync($"{volume}", new ExtendVolumeRequest(200L << 20, null, null, null));
        await Task.Delay(TimeSpan.FromSeconds(15) - frozen.Elapsed is { Ticks: > 0 } rest ? rest : TimeSpan.Zero, TestContext.Current.CancellationToken);
        former.Thaw();

        foreach (var response in await Task.WhenAll(late))
        {
            Assert.NotEqual(HttpStatusCode.OK, response.StatusCode);
            if (response.StatusCode != HttpStatusCode.TemporaryRedirect)
            {
                var error = await response.Content.ReadFromJsonAsync<ErrorReply>(Output.Json);
                Assert.True(error is { Error.Length: > 10 }, $"{response.StatusCode}");
            }
        }
        var back = await NodeCluster.WaitAsync(TimeSpan.FromSeconds(30), "the former SPM follows", async () =>
            (await former.Client.StatusAsync()) is { Role: "following", LeaseMarginSeconds: > 0 } status && status.LeaderId == other.HostId);
        NodeCluster.Report($"SIGSTOP to the other leading: {took.TotalSeconds:0.00} s; SIGCONT to following again: {back.TotalSeconds:0.00} s");
        await former.SaysAsync("is lost");
        var seen = await former.Client.GetVolumeAsync($"{volume}");
        Assert.Equal(granted.AllocatedBytes, seen.AllocatedBytes);
        Assert.Equal(seen.AllocatedBytes, (await former.Client.ActivateAsync($"{volume}", readOnly: false)).AllocatedBytes);
        Assert.Equal("leading", (await other.Client.StatusAsync()).Role);
    }

    /// <summary>A client that asks for one step more after every answer, and asks again what was refused.</summary>
    sealed class Extender : IAsyncDisposable
    {
        readonly CancellationTokenSource stop = new();
        readonly ConcurrentQueue<long> acknowledged = [];
        readonly Task running;

        public Extender(Guid volume, IReadOnlyList<TestNode> through) => running = RunAsync(volume, through);

        public IReadOnlyList<long> Acknowledged => [.. acknowledged];

        public TimeSpan Longest { get; private set; }

        public Task AcknowledgedAsync(int count, TimeSpan? patience = null) => NodeCluster.WaitAsync(
            patience ?? TimeSpan.FromSeconds(20), $"{count} extends acknowledged, {Acknowledged.Count} are", () =>
                Task.FromResult(acknowledged.Count >= count || running.IsFaulted));

        public async Task StopAsync()
        {
            await stop.CancelAsync();
            await running;
        }

        public async ValueTask DisposeAsync()
        {
            await stop.CancelAsync();
            await Task.WhenAny(running);
        }

        async Task RunAsync(Guid volume, IReadOnlyList<TestNode> through)
        {
            var size = 128L << 20;
            for (var turn = 0; !stop.IsCancellationRequested; size += Step)
            {
                var asked = Stopwatch.StartNew();
                while (!stop.IsCancellationRequested)
                {
                    try
                    {
                        var reply = await through[turn++ % through.Count].Client.ExtendVolumeAsync(
                            $"{volume}", new ExtendVolumeRequest(size, null, null, null));
                        Assert.Equal(size, reply.AllocatedBytes);
                        acknowledged.Enqueue(size);
                        Longest = asked.Elapsed > Longest ? asked.Elapsed : Longest;
                        break;
                    }
                    catch (Refusal refusal) when (refusal.Code is RefusalCode.Unavailable or RefusalCode.NotLeader or RefusalCode.OutcomeUnknown)
                    {
                        await Task.Delay(20);
                    }
                }
                await Task.Delay(10);
            }
        }
    }
}
