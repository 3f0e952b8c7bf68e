namespace OvirtSpm.Leases.Resource;

/// <summary>What taking a resource needs next.</summary>
public enum AcquirePhase
{
    /// <summary>Read leader and all votes.</summary>
    ReadAll,

    /// <summary>Somebody else owns it: find out whether that host still lives.</summary>
    JudgeOwner,

    /// <summary>Read the leader again: did anybody commit meanwhile?</summary>
    ReadLeader,

    /// <summary>Do what <see cref="AcquireSteps.Round"/> needs.</summary>
    Ballot,

    /// <summary>Write <see cref="AcquireSteps.LeaderToWrite"/>.</summary>
    WriteLeader,

    Ended,
}
