using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;

namespace OvirtSpm.Simulation.Pool;

/// <summary>What the renewal loop says, for whoever reads a trace.</summary>
internal sealed class LeaseTrace(PoolWorld world, int host) : ILeaseObserver
{
    public void Renewed(TimeSpan took, TimeSpan marginBefore, TimeSpan expiresAt)
    {
        // Once every 2.5 s from every host: nobody reads that.
    }

    public void RenewalFailed(string why, TimeSpan margin) => world.Trace(host, $"renewal failed: {why}");

    public void Lost(LeaseLost lost) => world.Trace(host, $"lost: {lost.Reason}");
}
