namespace OvirtSpm.Leases;

/// <summary>Is what we hold still ours on the disk?</summary>
public enum ConfirmOutcome
{
    Ours,

    /// <summary>A stalled rival had written an older version of ours back; it was corrected.</summary>
    Restored,

    /// <summary>Somebody else stands there, or our deadline passed: stop at once.</summary>
    NotOurs,

    /// <summary>The storage did not answer.</summary>
    Unknown,
}
