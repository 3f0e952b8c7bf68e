namespace OvirtSpm.Leases.Ballot;

/// <summary>Why a ballot was given up.</summary>
public enum BallotEnd
{
    None,

    /// <summary>Somebody votes on a later lease version: ours is decided already.</summary>
    LargerVersion,

    /// <summary>Somebody started a ballot with a larger number.</summary>
    LargerNumber,

    /// <summary>R29: a vote that cannot be believed.</summary>
    UnreadableVote,

    /// <summary>Our own vote is not what we wrote: a second process uses our host id.</summary>
    OwnVoteChanged,
}
