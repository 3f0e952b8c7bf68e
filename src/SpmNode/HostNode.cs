using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Guests;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Storage.Paths;

namespace OvirtSpm.Node;

/// <summary>One node: holds its host id, plays its role, keeps its volumes served, through every loss and return of the lease.</summary>
sealed class HostNode(
    PoolDomain domain, Membership membership, ActivationMaps maps, VolumeActivator activator, GuestService guests, IVolumeImager imager,
    TimeProvider clock, IChoice choice, PoolCounters counters, Action<string> log)
{
    static readonly TimeSpan RejoinPause = TimeSpan.FromSeconds(1);
    static readonly TimeSpan ClearingPause = TimeSpan.FromSeconds(5);

    /// <summary>A hand-over takes a fifth of this.</summary>
    static readonly TimeSpan HandOverPatience = TimeSpan.FromSeconds(1);

    volatile SpmRole? role;
    PoolVerbs? verbs;
    SpmTerm? verbsOfTerm;

    public PoolDomain Domain => domain;

    public Membership Membership => membership;

    public VolumeActivator Activator => activator;

    /// <summary>What people and programs activate: a volume with everything below it.</summary>
    public ChainActivator Chains { get; } = new(domain, activator, clock);

    public GuestService Guests => guests;

    public PoolCounters Counters => counters;

    /// <summary>How hosts tell each other of a hand-over; without it every host finds out by looking.</summary>
    public IPeerNotices? Peers { get; init; }

    public HostHealth? Health { get; init; }

    /// <summary>Follows the pool's space while this host is SPM.</summary>
    public SpaceMonitor? Space { get; init; }

    /// <summary>R26.</summary>
    public SleepGate Sleep { get; } = new();

    /// <summary>Who closes it; null when nobody does.</summary>
    public SleepWatch? SleepWatch { get; set; }

    /// <summary>Null where nobody looks after the paths to the storage.</summary>
    public PathWatch? Paths { get; set; }

    public void Log(string line) => log(line);

    public TimeProvider Clock => clock;

    public long Timestamp => clock.GetTimestamp();

    public TimeSpan ElapsedSince(long timestamp) => clock.GetElapsedTime(timestamp);

    public Task DelayAsync(TimeSpan time) => Task.Delay(time, clock);

    public RoleName Role => role?.Role ?? RoleName.Joining;

    public SpmRole? SpmRole => role;

    /// <summary>The verbs of the term that lasts now, null unless this node is SPM under a deadline that holds.</summary>
    public PoolVerbs? Verbs
    {
        get
        {
            return role?.Term is { } term && term.Fence.MayWrite() ? VerbsOf(term) : null;
        }
    }

    PoolVerbs VerbsOf(SpmTerm term)
    {
        lock (maps)
        {
            if (verbsOfTerm != term)
            {
                (verbs, verbsOfTerm) = (new PoolVerbs(term, maps, membership, imager, choice, clock, counters, log), term);
            }
            return verbs!;
        }
    }

    /// <summary>Runs until asked to stop; then hands the role over, gives the host id back and leaves active volumes marked.</summary>
    /// <param name="joined">Told once, when the host id is held for the first time.</param>
    /// <exception cref="Refusal">The host id or name is in use, or what is on the LUN cannot be believed: start is refused.</exception>
    public async Task RunAsync(Action joined, CancellationToken stop)
    {
        if (!await TryLockHostIdAsync(stop))
        {
            return;
        }
        // R21: every write of a former life has returned, so what it left armed may be disarmed; and one that does not fit is refused here.
        if (membership.Guard.Watchdog.Prepare(domain.Timing) is { } unfit)
        {
            throw Refusal.Conflict(unfit);
        }
        await membership.RefreshRecordsAsync();
        await activator.RestoreAsync();
        await Chains.RestoredAsync();
        guests.Restore();
        var first = true;
        while (!stop.IsCancellationRequested)
        {
            // R11: before joining, too. A host that was confirmed dead may never get its host id back, and must not serve on meanwhile.
            await activator.DropUnmarkedAsync();
            try
            {
                await membership.JoinAsync(stop);
            }
            catch (Refusal refusal) when (!first || refusal.Code == RefusalCode.Unavailable)
            {
                log(refusal.Message);
                await PauseAsync(RejoinPause, stop);
                continue;
            }
            catch (IOException failed)
            {
                log(failed.Message);
                await PauseAsync(RejoinPause, stop);
                continue;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                break;
            }
            log($"host id {membership.Identity.HostId} held, generation {membership.Generation}");
            try
            {
                foreach (var note in await maps.AdoptAsync(membership.Generation))
                {
                    log(note);
                }
            }
            catch (IOException failed)
            {
                // Entries too many keep extents from being freed and hurt nobody; the guests served here must not pay for it.
                log($"what an earlier life of this node left active is not cleared yet: {failed.Message}");
            }
            catch (Refusal refusal)
            {
                await membership.LeaveServingAsync();
                if (first)
                {
                    throw;
                }
                log(refusal.Message);
                await PauseAsync(RejoinPause, stop);
                continue;
            }
            // Without a guest's volume there is nothing to drop, and the SPM's part does not wait for storage that does not answer.
            var dropping = DropUnmarkedAsync(stop);
            if (first)
            {
                joined();
                first = false;
            }
            await ServeAsync(stop);
            await dropping;
        }
        await guests.StopAsync();
    }

    /// <summary>R11: until the map could be read and everything it does not name is closed; for as long as this life of the host id lasts.</summary>
    async Task DropUnmarkedAsync(CancellationToken stop)
    {
        while (!await activator.DropUnmarkedAsync() && !stop.IsCancellationRequested)
        {
            await PauseAsync(RejoinPause, stop);
        }
    }

    /// <summary>An earlier process of this node may still have writes in the kernel: its lock ends when they have returned (R7).</summary>
    /// <returns>False when asked to stop before that.</returns>
    async Task<bool> TryLockHostIdAsync(CancellationToken stop)
    {
        var limit = domain.Timing.HostDead;
        var started = clock.GetTimestamp();
        while (!membership.TryLockSector())
        {
            if (clock.GetElapsedTime(started) > limit)
            {
                throw Refusal.Conflict(
                    $"another process on this machine has used host id {membership.Identity.HostId} of this pool for the last {limit.TotalSeconds:0} s. Stop it, or give this node another host id.");
            }
            await PauseAsync(TimeSpan.FromMilliseconds(50), stop);
            if (stop.IsCancellationRequested)
            {
                return false;
            }
        }
        return true;
    }

    async Task ServeAsync(CancellationToken stop)
    {
        using var renewing = new CancellationTokenSource();
        var lost = membership.Keeper!.RunAsync(renewing.Token);
        var succession = Peers is { } peers ? new Succession(membership, peers, clock) : null;
        role = new SpmRole(domain, membership, clock, counters, log, succession, Health)
        {
            Recover = (term, ended) => VerbsOf(term).RecoverAsync(ended),
            Sleep = Sleep,
        };
        using var serving = new CancellationTokenSource();
        var clearing = ClearLeftBehindAsync(serving.Token);
        await role.RunAsync(lost, stop);
        serving.Cancel();
        if (lost.IsCompleted)
        {
            log($"host id {membership.Identity.HostId} is lost: {(await lost).Text}. Active volumes go on; nothing new is activated until it is held again.");
            return;
        }
        // Before the host id is given back: its map is another machine's then.
        await clearing;
        // A guest that writes without a pause would keep its writes from ever having returned all at once (R8).
        await activator.CloseAsync();
        renewing.Cancel();
        await lost;
        await membership.LeaveAsync();
        log("host id given back");
    }

    /// <summary>An entry that could not be cleared when its use ended would keep its volume from being removed for as long as this node runs.</summary>
    async Task ClearLeftBehindAsync(CancellationToken ended)
    {
        while (!ended.IsCancellationRequested)
        {
            try
            {
                // A device is seen again: what lies there is served again before what is left is cleared.
                await domain.LookForDevicesAsync();
                if (await activator.RestoreLaterAsync())
                {
                    await Chains.RestoredAsync();
                }
                await Chains.EndDeactivationsAsync();
                await maps.ClearLeftBehindAsync(membership.Generation);
            }
            catch (Exception later) when (later is IOException or Refusal)
            {
                // Tried again; renewals judge the storage.
            }
            await PauseAsync(ClearingPause, ended);
        }
    }

    Task PauseAsync(TimeSpan pause, CancellationToken stop) => Pause.ForAsync(pause, clock, stop);

    /// <summary>As <see cref="Leader"/>, but waits for the end of a hand-over: whoever asks then is sent to the next SPM instead of being refused.</summary>
    public async Task<LeaderRoute> LeaderSoonAsync()
    {
        var started = clock.GetTimestamp();
        while (true)
        {
            var look = role?.NextLook;
            var route = Leader();
            var left = HandOverPatience - clock.GetElapsedTime(started);
            if (route is not LeaderRoute.Nobody { Soon: true } || look is null || left <= TimeSpan.Zero)
            {
                return route;
            }
            await Task.WhenAny(look, Task.Delay(left, clock));
        }
    }

    /// <summary>Where the SPM of now is, as far as the lease and the host records tell.</summary>
    public LeaderRoute Leader()
    {
        if (Verbs is { } here)
        {
            return new LeaderRoute.Here(here);
        }
        if (role?.Leader is not { IsReadable: true } seen || seen.IsFree)
        {
            return new LeaderRoute.Nobody("there is no SPM at the moment; one is being elected. Ask again in a few seconds.", Soon: true);
        }
        if (seen.OwnerId == membership.Identity.HostId)
        {
            return new LeaderRoute.Nobody("this node is taking the pool over or handing it over. Ask again in a moment.", Soon: true);
        }
        if (membership.Keeper?.Hosts.Find(seen.OwnerId) is { State: HostState.Dead or HostState.Free })
        {
            return new LeaderRoute.Nobody($"the SPM was host id {seen.OwnerId}, which is gone; another is being elected. Ask again in a few seconds.");
        }
        return membership.RecordOf(seen.OwnerId, seen.Generation) switch
        {
            null => new LeaderRoute.Nobody($"the SPM is host id {seen.OwnerId}, which has no record on the LUN: where it answers is not known."),
            { Url: "" } record => new LeaderRoute.Nobody($"the SPM is '{record.Name}', an offline verb; ask again when it is done."),
            var record => new LeaderRoute.There(seen.OwnerId, record.Name, record.Url),
        };
    }
}
