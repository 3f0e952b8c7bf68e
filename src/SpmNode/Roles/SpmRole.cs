using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.Resource;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Roles;

/// <summary>Follow, campaign, lead, hand over: one loop for as long as the host id is held.</summary>
/// <remarks>
/// The lease on the LUN is the only truth. A look at its leader costs two sectors; the owner's liveness comes from the table
/// that every renewal fills. What hosts tell each other only makes them look earlier, or leave the lease to the one that is ready.
/// </remarks>
sealed partial class SpmRole(
    PoolDomain domain, Membership membership, TimeProvider clock, PoolCounters counters, Action<string> log,
    Succession? succession = null, HostHealth? health = null)
{
    readonly RolePace pace = new(domain.Timing.IoTimeout);
    (int, ulong) recordsReadFor;
    long recordsReadAt;
    (ulong Version, TimeSpan At)? couldSince;
    volatile SpmTerm? term;
    volatile LeaderView? leader;
    volatile HandOverNotice? heard;
    volatile TaskCompletionSource poked = Signal();
    volatile TaskCompletionSource looked = Signal();

    public RoleName Role { get; private set; } = RoleName.Joining;

    /// <summary>Null unless this host is SPM now.</summary>
    public SpmTerm? Term => term;

    /// <summary>The last look at the lease.</summary>
    public LeaderView? Leader => leader;

    /// <summary>Completes with the next look, or when this host begins to serve.</summary>
    public Task NextLook => looked.Task;

    public string? LastProblem { get; private set; }

    /// <summary>R26: closed while this machine goes to sleep, and until it is awake.</summary>
    public SleepGate Sleep { get; init; } = new();

    TimeSpan Now => clock.GetElapsedTime(0);

    /// <param name="stop">Hand over and return.</param>
    /// <param name="lost">Completes when the host id is lost: return at once, nothing may be written any more.</param>
    public async Task RunAsync(Task<LeaseLost> lost, CancellationToken stop)
    {
        var lease = membership.SpmLease!;
        Sleep.Closing = () => poked.TrySetResult();
        var minimumVersion = 0ul;
        while (!stop.IsCancellationRequested && !lost.IsCompleted)
        {
            Role = RoleName.Following;
            var seen = await LookAsync(lease);
            await RefreshRecordsAsync(seen);
            if (!ShouldCampaign(seen) || !Sleep.TryEnter())
            {
                if (seen is { IsReadable: true, IsFree: false } && seen.OwnerId == membership.Identity.HostId && seen.Generation == membership.Generation)
                {
                    await ReleaseUnservedAsync(lease);
                }
                AskForRole(seen);
                await PauseAsync(pace.Look, lost, stop);
                continue;
            }
            var failed = false;
            try
            {
                (minimumVersion, failed) = await CampaignAsync(lease, minimumVersion, lost, stop);
            }
            finally
            {
                Sleep.Leave();
            }
            if (failed)
            {
                // Given back already: whoever can serve does so meanwhile, and this host does not win every race for nothing.
                await Task.WhenAny(lost, Pause.ForAsync(domain.Timing.IoTimeout, clock, stop));
            }
            await PauseAsync(pace.Look, lost, stop);
        }
        Role = RoleName.Joining;
    }

    /// <returns>As <see cref="LeadAsync"/>.</returns>
    async Task<(ulong MinimumVersion, bool Failed)> CampaignAsync(ResourceLease lease, ulong minimumVersion, Task<LeaseLost> lost, CancellationToken stop)
    {
        Role = RoleName.Campaigning;
        AcquireOutcome taken;
        try
        {
            taken = await lease.AcquireAsync(new AcquireOptions(MinimumVersion: minimumVersion), stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Stopped in mid-campaign. Thrown further, it would keep the host id from being given back, and everybody waits for it.
            await ReleaseAsync(lease);
            return (minimumVersion, false);
        }
        switch (taken)
        {
            case AcquireOutcome.Acquired acquired:
                couldSince = null;
                await LookAsync(lease);
                return await LeadAsync(acquired.LeaseVersion, lease, lost, stop);
            case AcquireOutcome.OwnedByLiveHost or AcquireOutcome.OwnerMayLive:
                break;
            case var other:
                Note($"the SPM lease was not taken: {other}");
                break;
        }
        return (minimumVersion, false);
    }

    async Task<LeaderView> LookAsync(ResourceLease lease)
    {
        var seen = await lease.PeekAsync();
        leader = seen;
        TellLook();
        return seen;
    }

    void TellLook()
    {
        var now = looked;
        looked = Signal();
        now.TrySetResult();
    }

    /// <summary>Records change when a host joins; a new leader's is wanted at once.</summary>
    async Task RefreshRecordsAsync(LeaderView seen)
    {
        if (recordsReadFor == (seen.OwnerId, seen.Generation) && clock.GetElapsedTime(recordsReadAt) < pace.Records)
        {
            return;
        }
        try
        {
            await membership.RefreshRecordsInUseAsync(seen.OwnerId);
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
        if (!CouldCampaign(seen))
        {
            couldSince = null;
            return false;
        }
        if (couldSince?.Version != seen.LeaseVersion)
        {
            couldSince = (seen.LeaseVersion, Now);
        }
        var wait = Candidacy.Wait(
            membership.Identity.HostId, seen.LeaseVersion, heard, membership.Wishes, pace.Deference,
            succession?.Candidates() is [var best, ..] ? best.Preference : 0, health?.Illness is not null);
        return wait is { } time && Now - couldSince.Value.At >= time;
    }

    bool CouldCampaign(LeaderView seen)
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

    async Task PauseAsync(TimeSpan pause, Task<LeaseLost> lost, CancellationToken stop)
    {
        var poke = poked;
        await Task.WhenAny(lost, Pause.ForAsync(pause, clock, stop), poke.Task);
        if (poke.Task.IsCompleted)
        {
            poked = Signal();
        }
    }

    async Task<bool> ReleaseAsync(ResourceLease lease) => IsGivenBack(await lease.ReleaseAsync());

    bool IsGivenBack(ReleaseOutcome outcome)
    {
        if (outcome is not (ReleaseOutcome.Released or ReleaseOutcome.NotHeld) and var kept)
        {
            Note($"the SPM lease was not given back: {kept}");
            return false;
        }
        return true;
    }

    /// <summary>R27: an owner without the role, since giving it back failed, or since nobody knew that it was taken. While this host renews, nobody
    /// else would get it.</summary>
    async Task ReleaseUnservedAsync(ResourceLease lease)
    {
        // What an acquisition with unknown outcome took is not held for giving back: acquiring again gives the answer.
        var released = await lease.ReleaseAsync();
        if (released is ReleaseOutcome.NotHeld && await lease.AcquireAsync(new AcquireOptions(), CancellationToken.None) is AcquireOutcome.Acquired)
        {
            released = await lease.ReleaseAsync();
        }
        IsGivenBack(released);
    }

    void Note(string problem)
    {
        if (problem != LastProblem)
        {
            log(problem);
        }
        LastProblem = problem;
    }

    static TaskCompletionSource Signal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
