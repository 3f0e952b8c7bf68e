using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.Resource;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Roles;

/// <summary>One term: the pool taken over, served, and given back.</summary>
sealed partial class SpmRole
{
    /// <summary>R26: half of what there is before the machine sleeps. Whoever is not ready then finds the lease released.</summary>
    static readonly TimeSpan SleepPatience = SleepWatch.TermLimit / 2;

    HandOverOrder? order;

    /// <summary>R25: of the deadline, in which a term must end in order.</summary>
    TimeSpan Margin => domain.Timing.IoTimeout / 2;

    /// <summary>Until the term is over if no renewal follows; a little more, so that it is over then.</summary>
    TimeSpan TermLeft => TimeSpan.FromMilliseconds(1) + (membership.Keeper?.Deadline.Margin is { } left && left > Margin ? left - Margin : TimeSpan.Zero);

    TimeSpan NextWatch => Least(TermLeft, pace.Requests);

    static TimeSpan Least(TimeSpan one, TimeSpan other) => one < other ? one : other;

    /// <summary>Brings to an end what a former SPM left open, while the term lasts (C8).</summary>
    public Func<SpmTerm, CancellationToken, Task>? Recover { get; init; }

    /// <returns>R22: the version that the next attempt must exceed; and whether the pool could not be taken over.</returns>
    async Task<(ulong MinimumVersion, bool Failed)> LeadAsync(ulong version, ResourceLease lease, Task<LeaseLost> lost, CancellationToken stop)
    {
        // What is left must be enough to get from the question "may I?" to the device, and, when nothing is under way, to end the term in
        // order before the kernel kills this process at the deadline (R25).
        var fence = new PoolFence(version, margin => lease.MayWrite(version, margin), Margin, clock, lease.ConfirmWithHostIdAsync);
        Departure? leaving = null;
        var unguarded = membership.Guard.Begin(fence, () => membership.Keeper!.Deadline.ExpiresAt);
        try
        {
            if (unguarded is not null)
            {
                // R21: others count on being told the truth about this host's watchdog.
                Note($"took the SPM lease, version {version}, but not the pool: {unguarded}");
                return (0, true);
            }
            _ = DisarmInTimeAsync(fence);
            var beginning = SpmTerm.BeginAsync(domain, fence, clock, membership.Identity.Name, counters);
            // A takeover whose storage never answers must not outlast the host id: nobody would join again.
            if (await Task.WhenAny(beginning, lost) != beginning)
            {
                return (0, false);
            }
            switch (await beginning)
            {
                case TermStart.EpochNotAbove not:
                    log($"epoch {not.EpochOnDisk} is on disk, lease version {version} is not above it: taking a higher one");
                    return (not.EpochOnDisk, false);
                case TermStart.Failed failed:
                    Note($"took the SPM lease, version {version}, but not the pool: {failed.Why}");
                    return (0, true);
                case TermStart.Begun begun:
                    leaving = await ServeAsync(begun.Term, lease, lost, stop);
                    return (0, false);
                default:
                    throw new InvalidOperationException("a closed set of outcomes");
            }
        }
        finally
        {
            fence.Close("the term ended");
            // R8: the lease is given back only when nothing written under it is still on its way.
            await Task.WhenAny(membership.Guard.EndAsync(fence, domain.Lun.WhenControlWritesReturnedAsync), lost);
            var released = !lost.IsCompleted && await ReleaseAsync(lease);
            if (leaving is not null)
            {
                await DepartAsync(leaving, version, released, ends: stop.IsCancellationRequested || Sleep.IsClosed);
            }
        }
    }

    /// <returns>Who was made ready to follow; null when the term ended in another way.</returns>
    async Task<Departure?> ServeAsync(SpmTerm begun, ResourceLease lease, Task<LeaseLost> lost, CancellationToken stop)
    {
        var epoch = begun.Fence.Epoch;
        term = begun;
        Role = RoleName.Leading;
        TellLook();
        counters.TookOver();
        log($"SPM with epoch {epoch}, seqno {begun.Worker.Current.Seqno}");
        foreach (var note in begun.Notes)
        {
            log(note);
        }
        _ = succession?.TakenAsync(epoch);
        var writing = begun.Worker.RunAsync();
        using var ending = new CancellationTokenSource();
        _ = RecoverAsync(begun, ending.Token);
        var reasons = new StepDownReasons(Now, pace.Requests);
        var look = Task.CompletedTask;
        Departure? leaving = null;
        try
        {
            while (leaving is null && !writing.IsCompleted && !lost.IsCompleted && begun.Fence.MayWrite())
            {
                if (stop.IsCancellationRequested || Sleep.IsClosed)
                {
                    var why = stop.IsCancellationRequested ? "this node ends" : "this machine goes to sleep";
                    leaving = await PrepareAsync(new HandOverOrder(null, why), begun, writing, lost) ?? new Departure(null, null);
                    break;
                }
                if ((Interlocked.Exchange(ref order, null) ?? reasons.Next(Now, leader, epoch, membership.Wishes, health?.Illness)) is { } wanted)
                {
                    leaving = await PrepareAsync(wanted, begun, writing, lost);
                    continue;
                }
                if (look.IsCompleted && reasons.LookIsDue(Now))
                {
                    look = LookAsync(lease);
                }
                await PauseAsync(writing, lost, stop);
            }
            Role = RoleName.Draining;
            if (lost.IsCompleted || !begun.Fence.MayWrite())
            {
                begun.Fence.Close(lost.IsCompleted ? (await lost).Text : "the deadline of the host id passed");
            }
            return leaving;
        }
        finally
        {
            term = null;
            EndLeftoverOrder();
            if (leaving is not null)
            {
                leaving.StoppedAt = clock.GetTimestamp();
            }
            // What it has under way asks the fence like everybody else; its commits end with the worker.
            ending.Cancel();
            begun.Worker.StopAccepting();
            await Task.WhenAny(writing, lost);
            log($"no longer SPM: {begun.Fence.ClosedBecause ?? leaving?.Order?.Why ?? "handing over"}");
            // A look of ours that is still out would be taken for the one after the release.
            await look;
        }
    }

    async Task RecoverAsync(SpmTerm begun, CancellationToken ending)
    {
        try
        {
            await (Recover?.Invoke(begun, ending) ?? Task.CompletedTask);
        }
        catch (Exception broken)
        {
            // R6: what cannot even be judged ends the term, not silently the recovery.
            begun.Fence.Close($"the recovery of open operations failed: {broken.Message}");
        }
    }

    /// <summary>A search for somebody who is ready takes as long as they take to answer; the term may end meanwhile.</summary>
    async Task<Departure?> PrepareAsync(HandOverOrder wanted, SpmTerm begun, Task writing, Task lost)
    {
        var preparing = PrepareAsync(wanted, begun.Fence.Epoch);
        TimeSpan? sleepsSince = null;
        while (!preparing.IsCompleted && !writing.IsCompleted && !lost.IsCompleted && begun.Fence.MayWrite())
        {
            if (Sleep.IsClosed && Now - (sleepsSince ??= Now) > SleepPatience)
            {
                wanted.End(new HandOverEnd.Stayed("this machine goes to sleep"));
                return null;
            }
            await Task.WhenAny(preparing, writing, lost, Pause.ForAsync(Least(NextWatch, SleepPatience / 4), clock, CancellationToken.None));
        }
        if (preparing.IsCompleted)
        {
            return await preparing;
        }
        wanted.End(new HandOverEnd.Stayed("the term ended meanwhile"));
        return null;
    }

    /// <summary>R21: a host whose reads hang while no write is on its way lives, whatever else of the term has not ended at the deadline.</summary>
    async Task DisarmInTimeAsync(PoolFence fence)
    {
        while (fence.MayWrite())
        {
            await Pause.ForAsync(TermLeft, clock, CancellationToken.None);
        }
        fence.Close("the deadline of the host id passed");
        await membership.Guard.DisarmAsync(fence, domain.Lun.WhenControlWritesReturnedAsync);
    }

    async Task PauseAsync(Task writing, Task<LeaseLost> lost, CancellationToken stop)
    {
        var poke = poked;
        await Task.WhenAny(writing, lost, Pause.ForAsync(NextWatch, clock, stop), poke.Task);
        if (poke.Task.IsCompleted)
        {
            poked = Signal();
        }
    }

    /// <summary>A term that ends as planned.</summary>
    sealed record Departure(HandOverOrder? Order, HostRecord? Successor)
    {
        public long StoppedAt { get; set; }
    }
}
