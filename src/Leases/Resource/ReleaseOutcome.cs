namespace OvirtSpm.Leases.Resource;

/// <summary>How giving a resource back ended.</summary>
public abstract record ReleaseOutcome
{
    private ReleaseOutcome()
    {
    }

    /// <param name="ByVoteOnly">A rival had written us in, so only our vote says released; that is enough for every reader.</param>
    public sealed record Released(bool ByVoteOnly) : ReleaseOutcome;

    public sealed record NotHeld : ReleaseOutcome;

    /// <summary>R8: a write issued under the lease has not returned; nothing was given back.</summary>
    public sealed record WriteOutstanding(string Text) : ReleaseOutcome;

    /// <summary>Our deadline passed: nothing may be written any more, the lease is left to expire.</summary>
    public sealed record LostHostId(string Text) : ReleaseOutcome;

    /// <summary>The leader record is not the one we committed; it was left alone.</summary>
    public sealed record LeaderChanged(string Text) : ReleaseOutcome;

    public sealed record IoFailed(string Text) : ReleaseOutcome;
}
