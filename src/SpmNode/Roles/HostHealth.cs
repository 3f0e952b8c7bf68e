using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;

namespace OvirtSpm.Node.Roles;

/// <summary>Is this host fit to be SPM: do its renewals and its commits come back in reasonable time?</summary>
/// <remarks>Called from the renewal loop and from the pool's worker; asked by the role and by peers.</remarks>
sealed class HostHealth(LeaseTiming timing, TimeProvider clock, ILeaseObserver? next = null) : ILeaseObserver
{
    /// <summary>After stepping down as sick: without commits nothing shows that they would be fast again.</summary>
    public static readonly TimeSpan Recovery = TimeSpan.FromSeconds(60);

    readonly Lock guard = new();
    Strain renewals, commits;
    TimeSpan? recoversAt;

    /// <summary>Half an I/O timeout, at least a second: what takes longer is on its way to fail.</summary>
    public TimeSpan SlowAfter => timing.IoTimeout / 2 > TimeSpan.FromSeconds(1) ? timing.IoTimeout / 2 : TimeSpan.FromSeconds(1);

    /// <summary>Why this host should not be SPM; null when it is well.</summary>
    public string? Illness
    {
        get
        {
            lock (guard)
            {
                return renewals.IsSick ? $"its lease renewals fail or take longer than {SlowAfter.TotalSeconds:0.#} s"
                    : commits.IsSick ? $"its commits take longer than {SlowAfter.TotalSeconds:0.#} s"
                    : recoversAt > clock.GetElapsedTime(0) ? "it stepped down a moment ago because it was slow"
                    : null;
            }
        }
    }

    public void Renewed(TimeSpan took, TimeSpan marginBefore, TimeSpan expiresAt)
    {
        Note(ref renewals, took > SlowAfter);
        next?.Renewed(took, marginBefore, expiresAt);
    }

    public void RenewalFailed(string why, TimeSpan margin)
    {
        Note(ref renewals, bad: true);
        next?.RenewalFailed(why, margin);
    }

    public void Lost(LeaseLost lost) => next?.Lost(lost);

    public void Committed(TimeSpan took) => Note(ref commits, took > SlowAfter);

    /// <summary>The role went to a healthier host.</summary>
    public void SteppedDown()
    {
        lock (guard)
        {
            (commits, recoversAt) = (default, clock.GetElapsedTime(0) + Recovery);
        }
    }

    void Note(ref Strain strain, bool bad)
    {
        lock (guard)
        {
            strain = strain.After(bad);
        }
    }
}
