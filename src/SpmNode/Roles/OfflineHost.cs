using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Roles;

/// <summary>A host of the pool that holds a host id for one verb, and nothing else.</summary>
static class OfflineHost
{
    public static async Task<T> RunAsync<T>(ILun lun, OfflinePorts ports, Func<PoolDomain, Membership, Task<T>> act, CancellationToken stop)
    {
        var domain = await PoolDomain.OpenAsync(lun);
        var membership = await OfflineJoin.JoinAsync(domain, ports, new OfflinePatience(ports, stop), stop);
        using var renewing = new CancellationTokenSource();
        var renewal = membership.Keeper!.RunAsync(renewing.Token);
        try
        {
            await new ActivationMaps(domain, membership.Identity.HostId, membership.Identity.MapOwner).AdoptAsync(membership.Generation);
            return await act(domain, membership);
        }
        finally
        {
            renewing.Cancel();
            await renewal;
            await membership.LeaveAsync();
        }
    }
}
