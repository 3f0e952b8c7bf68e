using OvirtSpm.Leases.Resource;

namespace OvirtSpm.Node.Roles;

/// <summary>Why an SPM that nobody tells to should step down. Pure; one for each term.</summary>
/// <remarks>
/// Every reason is tried again after <see cref="Again"/>: somebody may have become ready meanwhile. Until then the SPM goes on, since a slow
/// one is better than none.
/// </remarks>
/// <param name="lookInterval">How often an SPM reads its own lease, for requests of others.</param>
sealed class StepDownReasons(TimeSpan termBeganAt, TimeSpan lookInterval)
{
    public static readonly TimeSpan Again = TimeSpan.FromSeconds(10);

    TimeSpan lookedAt = termBeganAt;
    TimeSpan? triedAt;

    public bool LookIsDue(TimeSpan now)
    {
        if (now - lookedAt < lookInterval)
        {
            return false;
        }
        lookedAt = now;
        return true;
    }

    public HandOverOrder? Next(TimeSpan now, LeaderView? seen, ulong epoch, HostWishes wishes, string? illness)
    {
        // sanlock's request record asks for a version above the held one; the next grant makes it void by itself.
        var why = seen?.Request is { Mode: not 0 } request && seen.LeaseVersion == epoch && request.LeaseVersion > epoch
                ? "the lease was asked for by a request record"
            : wishes.Maintenance ? "this host is in maintenance"
            : illness;
        if (why is null || now - triedAt < Again)
        {
            return null;
        }
        triedAt = now;
        return new HandOverOrder(null, why);
    }
}
