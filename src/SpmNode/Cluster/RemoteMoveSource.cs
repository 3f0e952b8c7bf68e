using System.Collections.Concurrent;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Images;

namespace OvirtSpm.Node.Cluster;

/// <summary>Another pool as the one that a volume leaves: its SPM is asked over HTTP.</summary>
/// <remarks>
/// Each departure is begun at the SPM of that moment and ends with it. What became of one whose end was not answered is asked of whoever
/// is SPM by then: the journal there knows it by its id (R24).
/// </remarks>
sealed class RemoteMoveSource : IMoveSource, IAsyncDisposable
{
    static readonly TimeSpan AnswerLimit = TimeSpan.FromMinutes(1);

    /// <summary>A sixth of what a departure waits for.</summary>
    static readonly TimeSpan KeepInterval = TimeSpan.FromSeconds(10);

    static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    readonly RequestIds ids;
    readonly TimeProvider clock;
    readonly Func<string, NodeClient> connect;
    readonly ConcurrentDictionary<string, NodeClient> clients = [];
    IReadOnlyList<string> nodes;

    RemoteMoveSource(string url, RequestIds ids, TimeProvider clock, Func<string, NodeClient> connect) =>
        (nodes, this.ids, this.clock, this.connect) = ([url], ids, clock, connect);

    public Guid Domain { get; private set; }

    /// <param name="url">Any node of the pool.</param>
    /// <param name="connect">How a node is reached, when not over the network.</param>
    /// <exception cref="Refusal">Nobody answers there.</exception>
    public static async Task<RemoteMoveSource> OpenAsync(string url, RequestIds ids, TimeProvider clock, Func<string, NodeClient>? connect = null)
    {
        var source = new RemoteMoveSource(url, ids, clock, connect ?? (address => new NodeClient(address, AnswerLimit)));
        try
        {
            var status = await source.At(url).StatusAsync();
            source.Domain = Guid.TryParse(status.Domain, out var domain)
                ? domain
                : throw Refusal.Unavailable($"{url} says that it serves domain '{status.Domain}', which is no uuid: is that a node?");
            // Whoever is asked first may be gone when it counts.
            source.nodes = [url, .. (await source.At(url).HostsAsync()).Select(host => host.Url).OfType<string>().Where(other => other.Length > 0 && other != url)];
            return source;
        }
        catch
        {
            await source.DisposeAsync();
            throw;
        }
    }

    public async Task<bool> DepartAsync(string reference, Func<ILeavingChain, Task> copy)
    {
        var spm = await LeaderAsync();
        var id = ids.Next();
        try
        {
            var reply = await spm.BeginDepartureAsync(new DepartureRequest(reference, Domain, id));
            if (reply.Domain != Domain)
            {
                throw Refusal.Unavailable($"whoever answers for the SPM of domain {Domain} did not answer as such. Nothing was copied.");
            }
            if (reply.Transfer is null)
            {
                return false;
            }
            using var ended = new CancellationTokenSource();
            var keeping = KeepAsync(spm, id, ended.Token);
            try
            {
                await copy(new Leaving(spm, id, reply.ExtentBytes, DepartingChain.Read(reply)));
            }
            finally
            {
                ended.Cancel();
                await keeping;
            }
        }
        catch
        {
            // Also one whose beginning was not answered: the volume there should not wait for somebody who is gone.
            await spm.EndTaskAsync(id);
            throw;
        }
        try
        {
            await FinishAsync(spm, id);
        }
        catch (Refusal)
        {
            if (!await HasLeftAsync(id))
            {
                throw;
            }
        }
        return true;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in clients.Values)
        {
            await client.DisposeAsync();
        }
    }

    static async Task FinishAsync(NodeClient spm, string id)
    {
        if ((await spm.FinishTransferAsync(id)).State != "moved")
        {
            throw Refusal.Unavailable("what came for the end of the departure is no answer to it.");
        }
    }

    /// <summary>R24: whether the removal was committed, by whichever SPM.</summary>
    async Task<bool> HasLeftAsync(string id)
    {
        for (var since = clock.GetTimestamp(); clock.GetElapsedTime(since) < AnswerLimit; await Pause.ForAsync(LookInterval, clock, CancellationToken.None))
        {
            var running = false;
            try
            {
                var spm = await LeaderAsync();
                if (await spm.TaskAsync(id, LookInterval) is { HasEnded: true } ended)
                {
                    return ended.State == "done";
                }
                running = true;
                // It may never have arrived. Asked twice it is done once; an SPM that found it in the journal ends it by itself.
                await FinishAsync(spm, id);
                return true;
            }
            catch (Refusal unknown) when (unknown.Code == RefusalCode.NotFound && !running)
            {
                return false;
            }
            catch (Refusal)
            {
                // Another SPM is being elected there, or works on it.
            }
        }
        return false;
    }

    async Task KeepAsync(NodeClient spm, string id, CancellationToken ended)
    {
        while (true)
        {
            await Pause.ForAsync(KeepInterval, clock, ended);
            if (ended.IsCancellationRequested)
            {
                return;
            }
            try
            {
                await spm.TransferAsync(id);
            }
            catch (Refusal)
            {
                // Whoever reads next, or finishes, is told the reason.
            }
        }
    }

    /// <summary>Straight to the SPM: a redirect would cost every piece a round trip, and each departure has one SPM anyway.</summary>
    async Task<NodeClient> LeaderAsync()
    {
        Refusal? silent = null;
        foreach (var url in nodes)
        {
            try
            {
                var status = await At(url).StatusAsync();
                if (status.Domain == $"{Domain}" && status.LeaderUrl is { Length: > 0 } leader)
                {
                    return At(leader);
                }
            }
            catch (Refusal refusal)
            {
                silent = refusal;
            }
        }
        throw silent ?? Refusal.Unavailable($"domain {Domain} has no SPM at the moment, or it is not known where it answers. Ask again in a few seconds.");
    }

    NodeClient At(string url) => clients.GetOrAdd(url, connect);

    sealed class Leaving(NodeClient spm, string id, long extentBytes, IReadOnlyList<MovedVolume> volumes) : ILeavingChain
    {
        public long ExtentBytes => extentBytes;

        public IReadOnlyList<MovedVolume> Volumes => volumes;

        public async Task ReadAsync(Guid volume, long offsetBytes, Memory<byte> into) =>
            (await spm.GetAsync(id, volume, offsetBytes, into.Length)).CopyTo(into);
    }
}
