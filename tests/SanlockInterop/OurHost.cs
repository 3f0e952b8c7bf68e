using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;
using OvirtSpm.Node.Linux;

namespace OvirtSpm.SanlockInterop;

/// <summary>One host of ours, as a node has it: production leases on direct I/O, the boot clock, real randomness.</summary>
internal sealed class OurHost : IAsyncDisposable
{
    private readonly DirectBlockDevice device;
    private readonly CancellationTokenSource stop = new();
    private Task<LeaseLost>? renewing;

    public OurHost(string path, int sectorSize, string lockspace, int hostId, string name, LeaseTiming timing)
    {
        device = DirectBlockDevice.Open(path, sectorSize: sectorSize);
        Area = new LeaseWindow(device.OpenLane("leases"), 0, 4 * LeaseStorage.MiB);
        Geometry = LeaseGeometry.For(sectorSize, LeaseStorage.MiB);

        // Hosts of sanlock leave no record of ours: R19 gives them its own 60 s of watchdog.
        Keeper = new LeaseKeeper(Area, Geometry, lockspace, hostId, name, timing, BootTimeProvider.Instance, SystemChoice.Instance, (_, _) => null);
        Sdm = Resource(lockspace, "SDM", LeaseStorage.Sdm);
        Shr = Resource(lockspace, "SHR", LeaseStorage.Shr);
    }

    public OurHost(LeaseStorage storage, int hostId, string name, LeaseTiming timing)
        : this(storage.Path, storage.SectorSize, storage.LockspaceName, hostId, name, timing)
    {
    }

    public ILeaseArea Area { get; }

    public LeaseGeometry Geometry { get; }

    public LeaseKeeper Keeper { get; }

    public ResourceLease Sdm { get; }

    public ResourceLease Shr { get; }

    /// <summary>Takes the host id and renews it from now on.</summary>
    public async Task<JoinOutcome> JoinAsync()
    {
        var outcome = await Keeper.JoinAsync(CancellationToken.None);
        if (outcome is JoinOutcome.Joined)
        {
            renewing = Keeper.RunAsync(stop.Token);
        }

        return outcome;
    }

    /// <summary>Gives everything back.</summary>
    public async Task LeaveAsync()
    {
        await stop.CancelAsync();
        Assert.Equal(LeaseLostReason.Stopped, (await renewing!).Reason);
        Assert.IsType<LeaveOutcome.Left>(await Keeper.LeaveAsync());
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        if (renewing is not null)
        {
            await renewing;
        }

        device.Dispose();
        stop.Dispose();
    }

    private ResourceLease Resource(string lockspace, string name, long offset) =>
        new(Area, offset, Geometry, lockspace, name, Keeper, BootTimeProvider.Instance, SystemChoice.Instance);
}
