using System.Diagnostics.Metrics;
using OvirtSpm.Monitor;
using OvirtSpm.Node;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Activation.Nbd;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Guests;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.SpmVolume;
using GrowthPolicy = OvirtSpm.Volumes.Sizes.GrowthPolicy;

namespace OvirtSpm.Simulation.Pool;

/// <summary>One machine running the product's own node on the simulated LUN and clock.</summary>
internal sealed class PoolHost
{
    private readonly PoolWorld world;
    private readonly TimeSpan clockOffset;
    private readonly int clockRate;
    private readonly Guid machine;
    private SimProcess? process;

    public PoolHost(PoolWorld world, int id)
    {
        (this.world, Id) = (world, id);
        clockOffset = TimeSpan.FromMilliseconds(world.Choice.Pick(2_000_000_000, "clock offset") + 1000);
        clockRate = world.Choice.Pick(801, "clock rate, ppm") - 400;
        machine = RandomIdentity.Guid(world.Choice);
        Path = new SimPath(id, world.Disk, world.Scheduler, world.Choice);
        Watchdog = new SimWatchdog(this, world.Scheduler);
    }

    public int Id { get; }

    public SimPath Path { get; }

    public SimWatchdog Watchdog { get; }

    /// <summary>When the watchdog reset this machine, on the world's clock.</summary>
    public List<TimeSpan> Resets { get; } = [];

    public HostNode? Node { get; private set; }

    public bool IsUp => process is { IsDead: false };

    /// <summary>The verbs of the SPM, if this host is it and its program runs.</summary>
    public PoolVerbs? Verbs => process is { IsDead: false, IsFrozen: false } ? Node?.Verbs : null;

    public void Start()
    {
        var life = process = new SimProcess(world.Scheduler);
        life.Post(_ => Observe(RunAsync(life)), null);
    }

    public void Freeze() => process!.Freeze();

    public void Thaw() => process!.Thaw();

    /// <summary>The program dies; what it queued in the kernel still lands.</summary>
    public void Kill()
    {
        process!.Kill();
        Node = null;
        world.Trace($"h{Id} killed");
    }

    /// <summary>The machine starts again: nothing that was queued lands any more, apart from what is on its way into the device.</summary>
    public void Reset()
    {
        Resets.Add(world.Scheduler.Now);
        Kill();
        Path.Reset();
        RestartWhenQuiet(TimeSpan.FromSeconds(10));
    }

    /// <summary>R7: the next life begins when the kernel has let go of the last one's writes.</summary>
    public void RestartWhenQuiet(TimeSpan delay) => world.Scheduler.After(delay, () =>
    {
        if (IsUp)
        {
            return;
        }

        if (Path.IsQuiet)
        {
            Start();
        }
        else
        {
            RestartWhenQuiet(TimeSpan.FromMilliseconds(100));
        }
    });

    /// <summary>Runs code as this host's program.</summary>
    public void Post(Action act) => process?.Post(_ => act(), null);

    private async Task RunAsync(SimProcess life)
    {
        var clock = new SimClock(world.Scheduler, life, clockOffset, clockRate);
        var lun = new SimLun(Path, life);
        var domain = await PoolDomain.OpenAsync(lun);
        var identity = new HostIdentity(Id, $"host{Id}", "/state", machine, machine, $"http://host{Id}", "sim");
        var guard = world.HasWatchdogs
            ? new TermGuard(WatchdogKind.Device, Watchdog.For(clock), killTimer: null, domain.Timing.Expiry)
            : new TermGuard(domain.Timing.Expiry);
        var membership = new Membership(domain, identity, domain.Timing, clock, world.Choice, guard: guard);
        var maps = new ActivationMaps(domain, Id, identity.MapOwner);
        var meter = new Meter("simulation");
        HostNode? node = null;
        var growth = new VolumeGrowth(domain.Uuid, membership, () => node!.Activator, new NoTransport(), () => node!.Leader(), GrowthPolicy.Default);
        var activator = new VolumeActivator(
            domain, membership, maps, new NoServer(), volume => growth.ForHeldWrites(volume, _ => { }), "/run", TimeSpan.FromSeconds(20), clock,
            new ExportMetrics(meter), Log);
        var guests = new GuestService(_ => throw new IOException("no guests here"), _ => null, growth, GrowthPolicy.Default, clock, new MonitorInstruments(meter));
        node = Node = new HostNode(domain, membership, maps, activator, guests, new NoImager(), clock, world.Choice, new PoolCounters(), Log);
        await node.RunAsync(() => { }, CancellationToken.None);
    }

    private void Log(string line) => world.Trace($"h{Id} {line}");

    private async void Observe(Task life)
    {
        try
        {
            await life;
        }
        catch (Exception failure)
        {
            world.Fail($"host {Id} threw {failure}");
        }
    }

    private sealed class NoServer : IVolumeServer
    {
        public IServedVolume Serve(string socketPath, INbdExport export) => throw new IOException("volumes are not served in this world");
    }

    private sealed class NoTransport : IClusterTransport
    {
        public Task<ExtendVolumeReply> ExtendAsync(string url, Guid volume, ExtendVolumeRequest request, CancellationToken stop) =>
            throw Refusal.Unavailable("there is no network in this world");
    }

    private sealed class NoImager : IVolumeImager
    {
        public Task CreateCowAsync(string volume, IReadOnlyList<SegmentReply> segments, long virtualSizeBytes, Func<bool> mayWrite) =>
            throw Refusal.Unavailable("there is no qemu-img in this world");

        /// <summary>Nobody reads volumes in this world.</summary>
        public Task ZeroAsync(IReadOnlyList<SegmentReply> segments, Func<bool> mayWrite) => Task.CompletedTask;
    }
}
