using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.Resource;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Roles;

/// <summary>One verb's time under a host id that no node has, and as SPM (R20): joined, renewed, led, and everything given back.</summary>
sealed class OfflineSpm : IAsyncDisposable
{
    internal static readonly TimeSpan FenceMargin = TimeSpan.FromMilliseconds(200);
    const int MostTries = 3;

    readonly ILun lun;
    readonly OfflinePorts ports;
    readonly OfflinePatience patience;
    readonly ResourceLease lease;
    readonly CancellationTokenSource renewing = new();
    readonly Task<LeaseLost> renewal;
    PoolFence? fence;

    OfflineSpm(ILun lun, OfflinePorts ports, OfflinePatience patience, Membership membership)
    {
        (this.lun, this.ports, this.patience, Membership, lease) = (lun, ports, patience, membership, membership.SpmLease!);
        renewal = membership.Keeper!.RunAsync(renewing.Token);
    }

    public Membership Membership { get; }

    /// <exception cref="Refusal">No host id for offline verbs is free, or none can be believed.</exception>
    public static async Task<OfflineSpm> JoinAsync(PoolDomain domain, OfflinePorts ports, CancellationToken stop)
    {
        var patience = new OfflinePatience(ports, stop);
        return new OfflineSpm(domain.Lun, ports, patience, await OfflineJoin.JoinAsync(domain, ports, patience, stop));
    }

    /// <summary>Takes the lease and does what is to be done under it. The fence holds until this object is disposed, if it was done.</summary>
    /// <param name="wait">When the owner does not answer, wait until it is proven dead.</param>
    /// <exception cref="Refusal">Somebody else is SPM, or may be.</exception>
    public async Task<T> LeadAsync<T>(bool wait, Func<PoolFence, Task<Led<T>>> act, CancellationToken stop)
    {
        var minimum = 0ul;
        for (var tries = 0; tries < MostTries; tries++)
        {
            var acquired = await AcquireAsync(new AcquireOptions(WaitForDeadOwner: wait, MinimumVersion: minimum), stop);
            if (acquired is not AcquireOutcome.Acquired { LeaseVersion: var version })
            {
                throw NotAcquired(acquired);
            }
            fence = new PoolFence(version, margin => lease.MayWrite(version, margin), FenceMargin, ports.BootClock, lease.ConfirmWithHostIdAsync);
            switch (await act(fence))
            {
                case Led<T>.Done done:
                    return done.Result;
                case Led<T>.EpochNotAbove not:
                    minimum = not.EpochOnDisk; // R22
                    break;
            }
            fence.Close("the epoch on disk is not below this one");
            await lease.ReleaseAsync();
        }
        throw Refusal.Unavailable("the epoch on disk kept rising while this verb tried to take the pool: another SPM is at work. Use --url, or try again when it ended.");
    }

    /// <summary>R8: first the lease, once no write under it is on its way, then the host id. The LUN is closed.</summary>
    public async ValueTask DisposeAsync()
    {
        fence?.Close("the verb is done");
        await lun.WhenAllWritesReturnedAsync();
        if (Membership.IsValid)
        {
            await lease.ReleaseAsync();
        }
        renewing.Cancel();
        await renewal;
        await Membership.LeaveAsync();
        lun.Dispose();
        renewing.Dispose();
    }

    /// <summary>Other offline verbs are waited for: each holds the pool for seconds. A node that is SPM is not: it answers with --url.</summary>
    async Task<AcquireOutcome> AcquireAsync(AcquireOptions options, CancellationToken stop)
    {
        while (true)
        {
            var outcome = await lease.AcquireAsync(options, stop);
            var other = outcome switch
            {
                AcquireOutcome.OwnedByLiveHost live when OfflineJoin.IsOffline(live.OwnerId, live.Name) => live.OwnerId,
                AcquireOutcome.OwnerMayLive maybe when OfflineJoin.IsOffline(maybe.OwnerId, maybe.Name) => maybe.OwnerId,
                AcquireOutcome.Contended => 0,
                _ => -1,
            };
            if (other < 0 || !await patience.WaitAsync(other == 0 ? "other offline verbs" : $"another offline verb (host id {other})"))
            {
                return outcome;
            }
        }
    }

    Refusal NotAcquired(AcquireOutcome outcome) => outcome switch
    {
        AcquireOutcome.OwnedByLiveHost live when OfflineJoin.IsOffline(live.OwnerId, live.Name) => Refusal.Conflict(
            $"another offline verb (host id {live.OwnerId}) is at work on this LUN and did not end within {OfflinePatience.Limit.TotalSeconds:0} s. Try again when it ended."),
        AcquireOutcome.OwnerMayLive maybe when OfflineJoin.IsOffline(maybe.OwnerId, maybe.Name) => Refusal.Conflict(
            $"an offline verb of another machine (host id {maybe.OwnerId}) has the pool and does not renew. If it is dead, --wait takes over after at most {maybe.Remaining.TotalSeconds:0} s."),
        AcquireOutcome.OwnedByLiveHost live => Refusal.Conflict($"the SPM lives: {Name(live.OwnerId, live.Generation)}. Ask it with --url instead of --lun."),
        AcquireOutcome.OwnerMayLive maybe => Refusal.Conflict(
            $"the SPM is {Name(maybe.OwnerId, maybe.Generation)}; ask it with --url. If that host is dead, --wait takes over after at most {maybe.Remaining.TotalSeconds:0} s."),
        AcquireOutcome.Refused refused => Refusal.Damaged($"the SPM lease cannot be taken: {refused.Text} (byte {refused.SectorOffsetBytes} of its area)."),
        _ => Refusal.Unavailable($"the SPM lease was not taken: {outcome}. Try again."),
    };

    string Name(int hostId, ulong generation) =>
        Membership.RecordOf(hostId, generation) is { } record
            ? $"host {hostId}, '{record.Name}'{(record.Url.Length > 0 ? $" at {record.Url}" : " (an offline verb)")}"
            : $"host {hostId}";
}

/// <summary>What one try under the SPM lease came to.</summary>
abstract record Led<T>
{
    public sealed record Done(T Result) : Led<T>;

    /// <summary>R22: metadata of this or a higher epoch is on disk; the lease's version must be raised above it first.</summary>
    public sealed record EpochNotAbove(ulong EpochOnDisk) : Led<T>;
}
