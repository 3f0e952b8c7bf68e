using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.Simulation.Scale;

/// <summary>One of many: joins at its own moment, renews, and competes if it is one of the first three.</summary>
internal sealed class ScaleHost
{
    private const int Competitors = 3;
    private readonly ScaleWorld world;
    private readonly SimProcess process;
    private readonly LeaseKeeper keeper;
    private readonly SimClock clock;
    private bool owns;

    public ScaleHost(ScaleWorld world, int id)
    {
        (this.world, Id) = (world, id);
        Path = new SimPath(id, world.Disk, world.Scheduler, world.Choice);
        process = new SimProcess(world.Scheduler);
        clock = new SimClock(world.Scheduler, process, TimeSpan.FromSeconds(1 + id), world.Choice.Pick(801, "clock rate, ppm") - 400);
        var area = new SimBlockDevice(Path, process, 0, world.Disk.Bytes.Length);
        keeper = new LeaseKeeper(area, world.Geometry, "LS", id, $"machine-{id}", world.Timing, clock, world.Choice, (_, _) => world.Timing.WatchdogTimeout);
        var resource = new ResourceLease(area, ScaleWorld.ResourceOffset, world.Geometry, "LS", "SDM", keeper, clock, world.Choice);
        var begin = TimeSpan.FromMilliseconds(world.Choice.Pick(20_000, "when it is started"));
        world.Scheduler.At(begin.Ticks, process, () => Observe(resource));
    }

    public int Id { get; }

    public SimPath Path { get; }

    public bool IsUp => !process.IsDead;

    public bool HasJoined => keeper.Deadline.Holds();

    public bool IsLeading => IsUp && owns && keeper.Deadline.Holds();

    /// <summary>How many others it knows to live.</summary>
    public int Sees => keeper.Hosts.Snapshot().Count(host => host.State == HostState.Live);

    public void Kill() => process.Kill();

    private async void Observe(ResourceLease resource)
    {
        try
        {
            await RunAsync(resource);
        }
        catch (Exception failure)
        {
            world.Fail($"host {Id} threw {failure}");
        }
    }

    private async Task RunAsync(ResourceLease resource)
    {
        if (await keeper.JoinAsync(CancellationToken.None) is var joined and not JoinOutcome.Joined)
        {
            world.Fail($"host {Id} did not join: {joined}");
            return;
        }

        var renewing = keeper.RunAsync(CancellationToken.None);
        while (Id <= Competitors && !owns)
        {
            owns = await resource.AcquireAsync(new AcquireOptions(WaitForDeadOwner: true, WaitForLiveOwner: true), CancellationToken.None)
                is AcquireOutcome.Acquired;
        }

        var lost = await renewing;
        world.Fail($"host {Id} lost its host id: {lost.Text}");
    }
}
