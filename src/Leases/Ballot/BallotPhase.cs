namespace OvirtSpm.Leases.Ballot;

/// <summary>What a ballot needs next.</summary>
public enum BallotPhase
{
    /// <summary>Write <see cref="BallotRound.VoteToWrite"/>: "I started this ballot".</summary>
    WritePromise,

    /// <summary>Read the vote of <see cref="BallotRound.NextHost"/>: did anybody go further, did anybody accept a value?</summary>
    ScanPromises,

    /// <summary>Write <see cref="BallotRound.VoteToWrite"/>: "in this ballot I accept this owner".</summary>
    WriteAccept,

    /// <summary>Read the vote of <see cref="BallotRound.NextHost"/>: did anybody go further meanwhile?</summary>
    ScanAccepts,

    /// <summary>The value is agreed: every later ballot will find it.</summary>
    Decided,

    GivenUp,
}
