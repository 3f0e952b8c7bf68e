using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;

namespace OvirtSpm.Node.Dashboard;

/// <summary>What the renewal loop does, as metrics.</summary>
sealed class LeaseMetrics(NodeMetrics metrics) : ILeaseObserver
{
    public void Renewed(TimeSpan took, TimeSpan marginBefore, TimeSpan expiresAt) => metrics.LeaseRenewal.Record(took.TotalSeconds);

    public void RenewalFailed(string why, TimeSpan margin) => metrics.LeaseRenewalFailures.Add(1);

    public void Lost(LeaseLost lost)
    {
        // Said by the node's log and shown by the lease margin, which goes below zero.
    }
}
