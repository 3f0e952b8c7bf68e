using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.Resource;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.LeaseService;

/// <summary>A named lease held under a host id of its own (240 to 249), beside whatever node runs on this machine (R7, R20).</summary>
sealed class OfflineLease : IHeldLease, IAsyncDisposable
{
    /// <summary>Between two attempts while waiting: the names of hosts that joined meanwhile are read again.</summary>
    static readonly TimeSpan Slice = TimeSpan.FromSeconds(10);

    readonly ILun lun;
    readonly Membership membership;
    readonly ResourceLease lease;
    readonly CancellationTokenSource renewing = new();
    readonly Task<LeaseLost> renewal;
    bool left;

    OfflineLease(ILun lun, string name, Membership membership, ResourceLease lease)
    {
        (this.lun, Name, this.membership, this.lease) = (lun, name, membership, lease);
        renewal = membership.Keeper!.RunAsync(renewing.Token);
        Lost = LostAsync();
    }

    public string Name { get; }

    public ulong Version { get; private set; }

    public TimeSpan IoTimeout => membership.Timing.IoTimeout;

    public TimeSpan Margin => membership.Keeper!.Deadline.Margin;

    public TimeSpan ExpiresAt => membership.Keeper!.Deadline.ExpiresAt ?? TimeSpan.FromSeconds(-1);

    public Task<string> Lost { get; }

    public (long OffsetBytes, long LengthBytes) HeirsRange => membership.HeirsRange;

    public bool HasHeirs() => membership.HasHeirs();

    /// <param name="wait">How long to wait while somebody else has it; zero: be refused at once.</param>
    /// <param name="onlyFromTheDead">Wait for a holder to be proven dead, but never for one that lives.</param>
    /// <exception cref="Refusal">It is held (by whom is said), does not exist, cannot be believed, or no host id is free.</exception>
    public static async Task<OfflineLease> TakeAsync(ILun lun, OfflinePorts ports, string name, TimeSpan wait, CancellationToken stop, bool onlyFromTheDead = false)
    {
        var domain = await PoolDomain.OpenAsync(lun);
        var offset = await new LeaseDirectory(domain).FindAsync(name);
        var membership = await OfflineJoin.JoinAsync(domain, ports, new OfflinePatience(ports, stop), stop);
        var lease = membership.LeaseAt(domain.ExternalLeases, offset, name);
        var held = new OfflineLease(lun, name, membership, lease);
        try
        {
            await new ActivationMaps(domain, membership.Identity.HostId, membership.Identity.MapOwner).AdoptAsync(membership.Generation);
            held.Version = await held.AcquireAsync(ports, wait, !onlyFromTheDead, stop);
            return held;
        }
        catch
        {
            await held.DisposeAsync();
            throw;
        }
    }

    public async Task<string?> ReleaseAsync() => await lease.ReleaseAsync() switch
    {
        ReleaseOutcome.Released => null,
        ReleaseOutcome.WriteOutstanding why => why.Text,
        ReleaseOutcome.LostHostId why => why.Text,
        ReleaseOutcome.LeaderChanged why => why.Text,
        ReleaseOutcome.IoFailed why => why.Text,
        ReleaseOutcome.NotHeld => $"the lease '{Name}' was not held any more",
        _ => throw new InvalidOperationException("a closed set of outcomes"),
    };

    /// <summary>Gives the host id back, unless something still works under it: then it is left to expire, by its own deadline.</summary>
    public async ValueTask DisposeAsync()
    {
        if (left)
        {
            return;
        }
        left = true;
        renewing.Cancel();
        await renewal;
        if (!MayHaveHeirs())
        {
            await membership.LeaveAsync();
        }
        lun.Dispose();
        renewing.Dispose();
    }

    bool MayHaveHeirs()
    {
        try
        {
            return HasHeirs();
        }
        catch (IOException)
        {
            return true;
        }
    }

    async Task<ulong> AcquireAsync(OfflinePorts ports, TimeSpan wait, bool waitForTheLiving, CancellationToken stop)
    {
        var began = ports.BootClock.GetTimestamp();
        var told = false;
        while (true)
        {
            await membership.RefreshRecordsAsync();
            var left = wait - ports.BootClock.GetElapsedTime(began);
            var outcome = told && left > TimeSpan.Zero ? await WaitAsync(left < Slice ? left : Slice, waitForTheLiving, ports, stop) : await lease.AcquireAsync(new AcquireOptions(), stop);
            if (outcome is AcquireOutcome.Acquired acquired)
            {
                return acquired.LeaseVersion;
            }
            if (!IsHeld(outcome) || left <= TimeSpan.Zero || (!waitForTheLiving && outcome is AcquireOutcome.OwnedByLiveHost or AcquireOutcome.SharedByLiveHosts))
            {
                throw NotAcquired(outcome, wait, waitForTheLiving);
            }
            if (!told)
            {
                told = true;
                ports.Say($"{Holder(outcome)}; waiting …");
            }
        }
    }

    async Task<AcquireOutcome> WaitAsync(TimeSpan limit, bool waitForTheLiving, OfflinePorts ports, CancellationToken stop)
    {
        using var slice = new CancellationTokenSource(limit, ports.BootClock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(slice.Token, stop);
        try
        {
            return await lease.AcquireAsync(new AcquireOptions(WaitForDeadOwner: true, WaitForLiveOwner: waitForTheLiving), either.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return await lease.AcquireAsync(new AcquireOptions(), stop);
        }
    }

    async Task<string> LostAsync() => (await renewal) is { Reason: not LeaseLostReason.Stopped } lost
        ? $"the lease '{Name}' is lost: {lost.Text}"
        : await new TaskCompletionSource<string>().Task;

    static bool IsHeld(AcquireOutcome outcome) =>
        outcome is AcquireOutcome.OwnedByLiveHost or AcquireOutcome.OwnerMayLive or AcquireOutcome.SharedByLiveHosts or AcquireOutcome.Contended;

    string Holder(AcquireOutcome outcome) => outcome switch
    {
        AcquireOutcome.OwnedByLiveHost live => $"the lease '{Name}' is held by {Host(live.OwnerId, live.Generation, live.Name)}",
        AcquireOutcome.OwnerMayLive maybe => $"the lease '{Name}' is held by {Host(maybe.OwnerId, maybe.Generation, maybe.Name)}, which was not seen to renew yet",
        AcquireOutcome.SharedByLiveHosts shared => $"the lease '{Name}' is shared by host ids {string.Join(", ", shared.HostIds)}",
        _ => $"others want the lease '{Name}', too",
    };

    Refusal NotAcquired(AcquireOutcome outcome, TimeSpan wait, bool waitForTheLiving) => outcome switch
    {
        AcquireOutcome.OwnerMayLive maybe when wait <= TimeSpan.Zero => Refusal.Conflict(
            $"{Holder(outcome)}. If that host is dead, --wait takes over once it is proven, in {maybe.Remaining.TotalSeconds:0} s at most."),
        AcquireOutcome.OwnedByLiveHost or AcquireOutcome.SharedByLiveHosts when !waitForTheLiving => Refusal.Conflict($"{Holder(outcome)}, which lives: nothing is taken away. Stop it there."),
        _ when IsHeld(outcome) => Refusal.Conflict(wait > TimeSpan.Zero
            ? $"{Holder(outcome)}, also after {wait.TotalSeconds:0} s."
            : $"{Holder(outcome)}. --wait waits until it lets go."),
        AcquireOutcome.Refused refused => Refusal.Damaged($"the lease '{Name}' cannot be taken: {refused.Text}"),
        AcquireOutcome.Unknown unknown => Refusal.Unavailable(unknown.Text),
        AcquireOutcome.IoFailed failed => Refusal.Unavailable(failed.Text),
        AcquireOutcome.LostHostId lost => Refusal.Unavailable(lost.Text),
        _ => Refusal.Unavailable($"the lease '{Name}' was not taken: {outcome}. Try again."),
    };

    string Host(int id, ulong generation, string? name) =>
        KnownHost.Call(id, membership.RecordOf(id, generation)?.Name ?? name);
}
