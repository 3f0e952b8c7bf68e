using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.Resource;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Roles;

/// <summary>Follow, campaign, lead, hand over: one loop for as long as the host id is held.</summary>
/// <remarks>
/// The lease on the LUN is the only truth. A look at its leader costs two sectors; the owner's liveness comes from the table
/// that every renewal fills.
/// </remarks>
sealed class SpmRole(PoolDomain domain, Membership membership, TimeProvider clock, PoolCounters counters, Action<string> log)
{
    /// <summary>How often a follower looks at the lease: bounds how long a released one stays unused.</summary>
    static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(200);

    /// <summary>How often a leader reads its own deadline when nothing is asked of it.</summary>
    static readonly TimeSpan WatchInterval = TimeSpan.FromMilliseconds(50);

    static readonly TimeSpan RecordsInterval = TimeSpan.FromSeconds(2);

    (int, ulong) recordsReadFor;
    long recordsReadAt;
    volatile SpmTerm? term;
    volatile LeaderView? leader;

    public RoleName Role { get; private set; } = RoleName.Joining;

    /// <summary>Null unless this host is SPM now.</summary>
    public SpmTerm? Term => term;

    /// <summary>The last look at the lease.</summary>
    public LeaderView? Leader => leader;

    public string? LastProblem { get; private set; }

    /// <param name="stop">Hand over and return.</param>
    /// <param name="lost">Completes when the host id is lost: return at once, nothing may be written any more.</param>
    public async Task RunAsync(Task<LeaseLost> lost, CancellationToken stop)
    {
        var lease = membership.SpmLease!;
        var minimumVersion = 0ul;
        while (!stop.IsCancellationRequested && !lost.IsCompleted)
        {
            Role = RoleName.Following;
            var seen = await lease.PeekAsync();
            leader = seen;
            await RefreshRecordsAsync(seen);
            if (!ShouldCampaign(seen))
            {
                await PauseAsync(LookInterval, lost, stop);
                continue;
            }
            Role = RoleName.Campaigning;
            AcquireOutcome taken;
            try
            {
                taken = await lease.AcquireAsync(new AcquireOptions(MinimumVersion: minimumVersion), stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                // Stopped in mid-campaign. Thrown further, it would keep the host id from being given back, and everybody waits for it.
                if (await lease.ReleaseAsync() is not (ReleaseOutcome.Released or ReleaseOutcome.NotHeld) and var kept)
                {
                    Note($"the SPM lease was not given back: {kept}");
                }
                break;
            }
            switch (taken)
            {
                case AcquireOutcome.Acquired acquired:
                    leader = await lease.PeekAsync();
                    minimumVersion = await LeadAsync(acquired.LeaseVersion, lease, lost, stop);
                    break;
                case AcquireOutcome.OwnedByLiveHost or AcquireOutcome.OwnerMayLive:
                    break;
                case var other:
                    Note($"the SPM lease was not taken: {other}");
                    break;
            }
            await PauseAsync(LookInterval, lost, stop);
        }
        Role = RoleName.Joining;
    }

    /// <summary>Records change when a host joins; a new leader's is wanted at once.</summary>
    async Task RefreshRecordsAsync(LeaderView seen)
    {
        if (recordsReadFor == (seen.OwnerId, seen.Generation) && clock.GetElapsedTime(recordsReadAt) < RecordsInterval)
        {
            return;
        }
        try
        {
            await membership.RefreshRecordsAsync();
        }
        catch (IOException failed)
        {
            // A path that fails for a moment must not end this node and with it the guests it serves; renewal judges the storage.
            Note($"the host records cannot be read: {failed.Message}");
            return;
        }
        (recordsReadFor, recordsReadAt) = ((seen.OwnerId, seen.Generation), clock.GetTimestamp());
    }

    bool ShouldCampaign(LeaderView seen)
    {
        if (!seen.IsReadable)
        {
            Note($"the SPM lease cannot be read: {seen.IoError ?? seen.Error.ToString()}");
            return false;
        }
        if (membership.Strangers() is [var stranger, ..])
        {
            // R23: an SPM of another kind may be at work; it does not know our epochs.
            Note($"not campaigning: host id {stranger} seems to live and has no record of ours (oVirt, or another program)");
            return false;
        }
        if (seen.IsFree || seen.OwnerId == membership.Identity.HostId)
        {
            return true;
        }
        // The table learns of a silence only with our next renewal, up to 2 T + 0.5 s after it has lasted long enough. Whoever may be dead
        // by now is therefore judged by the acquisition, which reads the owner's sector itself and takes nothing from a living one.
        return membership.Keeper!.Hosts.Find(seen.OwnerId) is { } owner
            && (owner.State is HostState.Dead or HostState.Free || owner.Generation != seen.Generation
                || clock.GetElapsedTime(0) - owner.Since > domain.Timing.HostDead);
    }

    /// <returns>R22: the version that the next attempt must exceed.</returns>
    async Task<ulong> LeadAsync(ulong version, ResourceLease lease, Task<LeaseLost> lost, CancellationToken stop)
    {
        // What is left must be enough to get from the question "may I?" to the device, and, when nothing is under way, to end the term in
        // order before the kernel kills this process at the deadline (R25).
        var fence = new PoolFence(version, margin => lease.MayWrite(version, margin), domain.Timing.IoTimeout / 2, clock, membership.ConfirmAsync);
        if (membership.Keeper!.Deadline.ExpiresAt is not { } deadline)
        {
            return 0;
        }
        var unguarded = membership.Guard.Begin(fence, deadline);
        try
        {
            if (unguarded is not null)
            {
                // R21: others count on being told the truth about this host's watchdog.
                Note($"took the SPM lease, version {version}, but not the pool: the watchdog cannot be armed: {unguarded}");
                await PauseAsync(domain.Timing.IoTimeout, lost, stop);
                return 0;
            }
            var beginning = SpmTerm.BeginAsync(domain, fence, clock, membership.Identity.Name, counters);
            // A takeover whose storage never answers must not outlast the host id: nobody would join again.
            if (await Task.WhenAny(beginning, lost) != beginning)
            {
                return 0;
            }
            switch (await beginning)
            {
                case TermStart.EpochNotAbove not:
                    log($"epoch {not.EpochOnDisk} is on disk, lease version {version} is not above it: taking a higher one");
                    return not.EpochOnDisk;
                case TermStart.Failed failed:
                    Note($"took the SPM lease, version {version}, but not the pool: {failed.Why}");
                    await PauseAsync(domain.Timing.IoTimeout, lost, stop);
                    return 0;
                case TermStart.Begun begun:
                    await ServeAsync(begun.Term, lost, stop);
                    return 0;
                default:
                    throw new InvalidOperationException("a closed set of outcomes");
            }
        }
        finally
        {
            fence.Close("the term ended");
            // R8: the lease is given back only when nothing written under it is still on its way.
            await Task.WhenAny(membership.Guard.EndAsync(fence, domain.Lun.WhenControlWritesReturnedAsync), lost);
            if (!lost.IsCompleted && await lease.ReleaseAsync() is not (ReleaseOutcome.Released or ReleaseOutcome.NotHeld) and var kept)
            {
                Note($"the SPM lease was not given back: {kept}");
            }
        }
    }

    async Task ServeAsync(SpmTerm begun, Task<LeaseLost> lost, CancellationToken stop)
    {
        term = begun;
        Role = RoleName.Leading;
        counters.TookOver();
        log($"SPM with epoch {begun.Fence.Epoch}, seqno {begun.Worker.Current.Seqno}");
        var writing = begun.Worker.RunAsync();
        try
        {
            while (!writing.IsCompleted && !stop.IsCancellationRequested && !lost.IsCompleted && begun.Fence.MayWrite())
            {
                await Task.WhenAny(writing, lost, Task.Delay(WatchInterval, clock, stop));
            }
            Role = RoleName.Draining;
            if (lost.IsCompleted || !begun.Fence.MayWrite())
            {
                begun.Fence.Close(lost.IsCompleted ? (await lost).Text : "the deadline of the host id passed");
            }
        }
        finally
        {
            term = null;
            begun.Worker.StopAccepting();
            await Task.WhenAny(writing, lost);
            log($"no longer SPM: {begun.Fence.ClosedBecause ?? "handing over"}");
        }
    }

    async Task PauseAsync(TimeSpan pause, Task<LeaseLost> lost, CancellationToken stop) =>
        await Task.WhenAny(lost, Task.Delay(pause, clock, stop));

    void Note(string problem)
    {
        if (problem != LastProblem)
        {
            log(problem);
        }
        LastProblem = problem;
    }
}
