using OvirtSpm.Leases.HostId;

namespace OvirtSpm.Leases;

/// <summary>Told what the renewal loop does, for metrics and watchdogs. Called from the loop: must return at once and not throw.</summary>
public interface ILeaseObserver
{
    /// <param name="took">From the start of the read to the end of the write.</param>
    /// <param name="marginBefore">What was left of the old deadline when the renewal succeeded.</param>
    /// <param name="expiresAt">The new deadline, as time since boot on the boot clock.</param>
    void Renewed(TimeSpan took, TimeSpan marginBefore, TimeSpan expiresAt);

    void RenewalFailed(string why, TimeSpan margin);

    void Lost(LeaseLost lost);
}
