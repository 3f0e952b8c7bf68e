using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;

namespace OvirtSpm.Node.Tests.Api;

/// <summary>What every way of asking the SPM keeps. An implementation derives from this and serves nodes its way.</summary>
public abstract class ClusterTransportContract
{
    static readonly Guid volume = Guid.Parse(ScriptedNode.Volume.Volume);
    static readonly ExtendVolumeRequest request = new(3L << 30, 7, 8, 9);

    internal abstract IClusterTransport Transport { get; }

    /// <summary>Serves a node; returns its address.</summary>
    internal abstract Task<string> ServeAsync(ScriptedNode node);

    /// <summary>An address where nobody answers.</summary>
    internal abstract string Nowhere { get; }

    [Fact]
    public async Task The_request_arrives_whole_and_so_does_the_answer()
    {
        var node = new ScriptedNode();
        var reply = await Transport.ExtendAsync(await ServeAsync(node), volume, request, default);
        Assert.Equal([request], node.Extends);
        Assert.Equal((ScriptedNode.Volume.Volume, 3L << 30, 5ul, 17u), (reply.Volume, reply.AllocatedBytes, reply.Epoch, reply.Seqno));
        Assert.Equal([new SegmentReply("pv", 4096, 3L << 30)], reply.Segments);
    }

    [Theory]
    [InlineData(RefusalCode.NoSpace)]
    [InlineData(RefusalCode.NotLeader)]
    [InlineData(RefusalCode.OutcomeUnknown)]
    [InlineData(RefusalCode.Conflict)]
    public async Task The_leaders_own_words_come_back(RefusalCode code)
    {
        var node = new ScriptedNode { Extend = _ => throw new Refusal(code, "the leader's words") };
        var refusal = await Assert.ThrowsAsync<Refusal>(async () => await Transport.ExtendAsync(await ServeAsync(node), volume, request, default));
        Assert.Equal((code, "the leader's words"), (refusal.Code, refusal.Message));
        // A refusal is an answer: it is not asked again behind the caller's back.
        Assert.Single(node.Extends);
    }

    [Fact]
    public async Task A_node_that_leads_no_more_sends_the_request_on()
    {
        var leader = new ScriptedNode();
        var address = await ServeAsync(leader);
        var former = await ServeAsync(new ScriptedNode { Leader = () => address });
        Assert.Equal(3L << 30, (await Transport.ExtendAsync(former, volume, request, default)).AllocatedBytes);
        Assert.Equal([request], leader.Extends);
    }

    [Fact]
    public async Task Nobody_there_is_said_and_may_be_asked_again()
    {
        var refusal = await Assert.ThrowsAsync<Refusal>(() => Transport.ExtendAsync(Nowhere, volume, request, default));
        Assert.Equal(RefusalCode.Unavailable, refusal.Code);
    }

    [Fact]
    public async Task Whoever_stops_waiting_is_let_go_at_once()
    {
        var held = new TaskCompletionSource();
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var address = await ServeAsync(new ScriptedNode
        {
            Extend = _ =>
            {
                asked.TrySetResult();
                held.Task.Wait();
                throw Refusal.Unavailable("too late");
            },
        });
        using var stop = new CancellationTokenSource();
        var asking = Transport.ExtendAsync(address, volume, request, stop.Token);
        await asked.Task.WaitAsync(TimeSpan.FromSeconds(20));
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking.WaitAsync(TimeSpan.FromSeconds(20)));
        held.SetResult();
    }

    [Fact]
    public async Task Many_at_once_each_get_their_own_answer()
    {
        var address = await ServeAsync(new ScriptedNode());
        var replies = await Task.WhenAll(Enumerable.Range(1, 64).Select(i => Transport.ExtendAsync(address, volume, request with { SizeBytes = i << 20 }, default)));
        Assert.Equal(Enumerable.Range(1, 64).Select(i => (long)i << 20), replies.Select(reply => reply.AllocatedBytes));
    }
}
