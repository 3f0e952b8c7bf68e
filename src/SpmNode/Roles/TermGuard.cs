using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Roles;

/// <summary>What ends a term that does not end by itself: the process is killed, the machine is reset, the lease is not renewed.</summary>
/// <remarks>
/// R21: on guard from the moment the SPM lease is ours until the fence is closed and every write has returned. Then the timer and the
/// watchdog are disarmed, and the node and its guests' volumes live on: a read that hangs changes nothing.
/// </remarks>
/// <param name="stuckAfter">R27: one step of the pool's writer may take as long as a lease lasts; each of its I/Os may take T.</param>
sealed class TermGuard(WatchdogKind kind, IWatchdog watchdog, IKillTimer? killTimer, TimeSpan stuckAfter, ILeaseObserver? inner = null) : ILeaseObserver
{
    /// <summary>Nothing kills or resets: for offline verbs and simulations.</summary>
    public TermGuard(TimeSpan stuckAfter, ILeaseObserver? inner = null) : this(WatchdogKind.None, new NoWatchdog(), null, stuckAfter, inner)
    {
    }

    readonly Lock gate = new();
    readonly List<PoolFence> terms = [];
    readonly List<PoolFence> armed = [];

    public WatchdogKind Kind => kind;

    public IWatchdog Watchdog => watchdog;

    /// <summary>R27: why the host id must not be renewed; null when it may.</summary>
    public string? Objection()
    {
        lock (gate)
        {
            return terms.Any(fence => fence.InsideFor > stuckAfter)
                ? $"the pool's writer has not moved for {stuckAfter.TotalSeconds:0} s, its storage does not answer; the SPM lease is let go"
                : null;
        }
    }

    /// <summary>Before anything is written under the lease.</summary>
    /// <param name="deadline">Of the host id, read when no renewal can come between: a renewal that did would go by unseen, and what is armed with
    /// the deadline before it kills a host that lives. Null: the host id is lost.</param>
    /// <returns>Why this term must not begin; null when all is armed.</returns>
    public string? Begin(PoolFence fence, Func<TimeSpan?> deadline)
    {
        lock (gate)
        {
            if (deadline() is not { } expiresAt)
            {
                return "the host id is lost";
            }
            armed.Add(fence);
            terms.Add(fence);
            return Arm(expiresAt);
        }
    }

    /// <summary>Closed, a fence lets nothing more through: disarmed when every write has returned. Until then renewals go on moving the deadline.</summary>
    /// <param name="writesReturned">R8: completes when every write that was issued has returned.</param>
    public async Task DisarmAsync(PoolFence fence, Func<Task> writesReturned)
    {
        fence.Close("the term ended");
        await writesReturned();
        lock (gate)
        {
            if (armed.Remove(fence) && armed.Count == 0)
            {
                killTimer?.Disarm();
                watchdog.Disarm();
            }
        }
    }

    /// <summary>The term is over. Until then a writer that is stuck inside it keeps the host id from being renewed.</summary>
    public async Task EndAsync(PoolFence fence, Func<Task> writesReturned)
    {
        await DisarmAsync(fence, writesReturned);
        lock (gate)
        {
            terms.Remove(fence);
        }
    }

    public void Renewed(TimeSpan took, TimeSpan marginBefore, TimeSpan expiresAt)
    {
        lock (gate)
        {
            if (armed.Count > 0)
            {
                Arm(expiresAt);
            }
        }
        inner?.Renewed(took, marginBefore, expiresAt);
    }

    public void RenewalFailed(string why, TimeSpan margin) => inner?.RenewalFailed(why, margin);

    public void Lost(LeaseLost lost) => inner?.Lost(lost);

    string? Arm(TimeSpan expiresAt)
    {
        killTimer?.Arm(expiresAt);
        return watchdog.Feed(expiresAt) is { } why ? $"the watchdog cannot be armed: {why}" : null;
    }
}
