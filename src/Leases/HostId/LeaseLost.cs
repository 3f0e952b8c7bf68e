namespace OvirtSpm.Leases.HostId;

/// <summary>Why renewing a host id ended.</summary>
/// <param name="Text">For people: what failed, why, what to do.</param>
public sealed record LeaseLost(LeaseLostReason Reason, string Text);

public enum LeaseLostReason
{
    /// <summary>The caller asked for it; the host id is still held until its deadline or <see cref="LeaseKeeper.LeaveAsync"/>.</summary>
    Stopped,

    /// <summary>No renewal succeeded in time.</summary>
    Expired,

    /// <summary>Another host, name or generation stands in our sector.</summary>
    TakenByOther,

    /// <summary>Our sector cannot be believed, or holds something we did not write.</summary>
    SectorDamaged,
}
