using OvirtSpm.Leases.HostId;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Roles;

/// <summary>Who should be SPM next, and telling it so. Advice: the lease on the LUN decides.</summary>
/// <remarks>
/// Without it a released lease is found by the next look, up to 200 ms later, by everybody at once. With it one host has got ready,
/// knows the moment, and the others leave it to it.
/// </remarks>
sealed class Succession(Membership membership, IPeerNotices peers, TimeProvider clock)
{
    /// <summary>A host that needs longer to say that it is ready is not.</summary>
    static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(1);

    int Self => membership.Identity.HostId;

    /// <summary>The hosts that could be SPM: the preferred first, of these the ones seen to live.</summary>
    public IReadOnlyList<HostRecord> Candidates() =>
        [.. Peers().Where(record => !record.Maintenance).OrderByDescending(record => record.Preference)];

    /// <summary>Asks candidates until one is ready, then tells the others who it is. The SPM still serves meanwhile.</summary>
    /// <param name="refusals">What the others said.</param>
    public async Task<HostRecord?> PrepareAsync(int? to, ulong epoch, List<string> refusals)
    {
        foreach (var candidate in Candidates().Where(record => to is null || record.Host == to))
        {
            var notice = new HandOverNotice(HandOverStage.Prepare, Self, epoch, candidate.Host);
            var reply = await TellAsync(candidate, notice);
            if (reply.Ready)
            {
                await Task.WhenAll(Peers().Where(peer => peer.Host != candidate.Host).Select(peer => TellAsync(peer, notice)));
                return candidate;
            }
            refusals.Add($"'{candidate.Name}' is not ready: {reply.Why}");
        }
        return null;
    }

    public Task ReleasedAsync(HostRecord successor, ulong epoch) =>
        TellAsync(successor, new HandOverNotice(HandOverStage.Released, Self, epoch, successor.Host));

    /// <summary>Everybody routes to the new SPM at once instead of at its next look.</summary>
    public Task TakenAsync(ulong epoch) =>
        Task.WhenAll(Peers().Select(peer => TellAsync(peer, new HandOverNotice(HandOverStage.Taken, Self, epoch, Self))));

    /// <summary>A host that should rather be SPM asks the one that is.</summary>
    /// <exception cref="Refusal">It stays, or does not answer.</exception>
    public Task AskAsync(HostRecord leader, string why) => peers.AskForHandOverAsync(leader.Url, new HandOverRequest($"{Self}", why));

    IEnumerable<HostRecord> Peers() => (membership.Keeper?.Hosts.Snapshot() ?? [])
        // One that joined a moment ago was not seen to renew yet; it answers for itself.
        .Where(host => host.Id != Self && host.State is (HostState.Live or HostState.Unknown)).OrderBy(host => host.State != HostState.Live)
        .Select(host => membership.RecordOf(host.Id, host.Generation)).OfType<HostRecord>().Where(record => record.Url.Length > 0);

    async Task<HandOverNoticeReply> TellAsync(HostRecord peer, HandOverNotice notice)
    {
        try
        {
            return await peers.TellAsync(peer.Url, notice).WaitAsync(AnswerLimit, clock);
        }
        catch (Refusal refusal)
        {
            return new HandOverNoticeReply(false, refusal.Message);
        }
        catch (TimeoutException)
        {
            return new HandOverNoticeReply(false, $"no answer within {AnswerLimit.TotalSeconds:0.#} s");
        }
    }
}
