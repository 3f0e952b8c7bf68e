namespace OvirtSpm.Leases.Resource;

/// <summary>How the steps of taking a resource ended.</summary>
public enum AcquireEnd
{
    None,

    /// <summary>The leader names this life of ours.</summary>
    Ours,

    /// <summary>The leader names somebody else.</summary>
    OwnedByOther,

    /// <summary>All ballots we may try were outvoted.</summary>
    Outvoted,

    UnreadableVote,
    OwnVoteChanged,
}
