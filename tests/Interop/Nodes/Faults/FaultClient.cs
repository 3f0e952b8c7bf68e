using System.Collections.Concurrent;
using OvirtSpm.Node;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;

namespace OvirtSpm.Interop.Nodes.Faults;

/// <summary>Creates, extends and deletes volumes of its own through any node, believes only acknowledgements, and asks again until it has one.</summary>
sealed class FaultClient(Ledger ledger, IReadOnlyList<SupervisedNode> nodes, int seed)
{
    const long Step = 8L << 20, LargestBytes = 512L << 20;
    const int MostVolumes = 5;

    readonly Random random = new(seed);
    readonly List<VolumeFact> mine = [];
    readonly ConcurrentDictionary<string, int> refusals = [];

    /// <summary>What was answered instead of yes, by code.</summary>
    public IReadOnlyDictionary<string, int> Refusals => refusals;

    /// <param name="stop">No new requests; the one under way is asked until it is answered, or <paramref name="giveUp"/>.</param>
    public async Task RunAsync(CancellationToken stop, CancellationToken giveUp)
    {
        while (!stop.IsCancellationRequested)
        {
            await OneAsync(giveUp);
            await Task.WhenAny(Task.Delay(random.Next(2, 30), stop));
        }
    }

    /// <summary>One request until it is acknowledged.</summary>
    public async Task OneAsync(CancellationToken giveUp)
    {
        var there = mine.Where(fact => fact.State == FactState.There).ToList();
        if (there.Count == 0 || (there.Count < MostVolumes && random.Next(12) == 0))
        {
            await CreateAsync(giveUp);
            return;
        }
        var at = mine.IndexOf(there[random.Next(there.Count)]);
        if (there.Count == MostVolumes && random.Next(12) == 0)
        {
            await DeleteAsync(at, giveUp);
            return;
        }
        await ExtendAsync(at, giveUp);
    }

    async Task CreateAsync(CancellationToken giveUp)
    {
        var fact = new VolumeFact(Guid.NewGuid(), FactState.Asked, 0);
        ledger.Note(fact);
        var request = new CreateVolumeRequest($"{fact.Volume}", null, Step, "raw", null, NoZero: true);
        // A node that stands still may answer the first one after the second was acknowledged: a volume that was asked for twice is never
        // deleted here, or the late one could bring it back (request ids are not durable yet, R24).
        var reply = await AskAsync(node => node.CreateVolumeAsync(request), giveUp);
        fact = fact with { State = FactState.There, Bytes = reply.Answer.AllocatedBytes };
        ledger.Acknowledge(fact);
        if (reply.Tries == 1)
        {
            mine.Add(fact);
        }
    }

    async Task ExtendAsync(int at, CancellationToken giveUp)
    {
        var fact = mine[at];
        var size = fact.Bytes >= LargestBytes ? fact.Bytes : fact.Bytes + Step * (1 + random.Next(2));
        var told = ledger.Highest;
        var reply = (await AskAsync(node => node.ExtendVolumeAsync($"{fact.Volume}", new ExtendVolumeRequest(size, null, null, null)), giveUp)).Answer;
        if (reply.AllocatedBytes < size)
        {
            ledger.Violated($"asked for {size} bytes of {fact.Volume}, acknowledged {reply.AllocatedBytes}");
        }
        mine[at] = fact with { Bytes = reply.AllocatedBytes };
        ledger.Acknowledge(mine[at], (reply.Epoch, reply.Seqno), told);
    }

    async Task DeleteAsync(int at, CancellationToken giveUp)
    {
        var fact = mine[at];
        mine.RemoveAt(at);
        ledger.Note(fact with { State = FactState.Leaving });
        await AskAsync(async node =>
        {
            try
            {
                await node.DeleteVolumeAsync($"{fact.Volume}");
            }
            catch (Refusal refusal) when (refusal.Code == RefusalCode.NotFound)
            {
                // An earlier try of ours, whose answer was lost.
            }
            return true;
        }, giveUp);
        ledger.Acknowledge(fact with { State = FactState.Gone });
    }

    async Task<(T Answer, int Tries)> AskAsync<T>(Func<NodeClient, Task<T>> ask, CancellationToken giveUp)
    {
        var last = "";
        for (var tries = 1; ; tries++)
        {
            Assert.False(giveUp.IsCancellationRequested, $"not acknowledged after {tries} tries; the last answer: {last}");
            if (nodes[random.Next(nodes.Count)].Client() is { } node)
            {
                try
                {
                    return (await ask(node), tries);
                }
                catch (Refusal refusal) when (refusal.Code is not (RefusalCode.Invalid or RefusalCode.Damaged or RefusalCode.NotFound))
                {
                    last = refusal.Message;
                    refusals.AddOrUpdate($"{refusal.Code}", 1, (_, count) => count + 1);
                }
                catch (Refusal refusal)
                {
                    ledger.Violated($"answered {refusal.Code} to a request that is in order: {refusal.Message}");
                }
            }
            await Task.Delay(random.Next(5, 50), CancellationToken.None);
        }
    }
}
