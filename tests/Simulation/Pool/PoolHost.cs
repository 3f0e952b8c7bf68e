using System.Diagnostics.Metrics;
using OvirtSpm.Leases;
using OvirtSpm.Monitor;
using OvirtSpm.Node;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Guests;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.SpmVolume;
using GrowthPolicy = OvirtSpm.Volumes.Sizes.GrowthPolicy;

namespace OvirtSpm.Simulation.Pool;

/// <summary>One machine running the product's own node on the simulated LUN, clock and network, with its guests and its Watchdog.</summary>
internal sealed class PoolHost
{
    /// <summary>R31: how long a guest's write waits for its volume to grow.</summary>
    public static readonly TimeSpan HoldLimit = TimeSpan.FromSeconds(20);

    private readonly PoolWorld world;
    private readonly TimeSpan clockOffset;
    private readonly int clockRate;
    private readonly Guid machine;
    private readonly ClockStop clocks;
    private readonly SortedDictionary<string, SimGuest> guests = new(StringComparer.Ordinal);
    private SimProcess? process;
    private CancellationTokenSource stopping = new();
    private Guid boot;
    private bool waitedForFormerLife;

    public PoolHost(PoolWorld world, int id)
    {
        (this.world, Id) = (world, id);
        clockOffset = TimeSpan.FromMilliseconds(world.Choice.Pick(2_000_000_000, "clock offset") + 1000);
        clockRate = world.Choice.Pick(801, "clock rate, ppm") - 400;
        (machine, boot) = (RandomIdentity.Guid(world.Choice), RandomIdentity.Guid(world.Choice));
        clocks = new ClockStop(world.Scheduler);
        Path = new SimPath(id, world.Disk, world.Scheduler, world.Choice);
        Watchdog = new SimWatchdog(world, this);
    }

    public int Id { get; }

    public string Url => $"http://host{Id}";

    public SimPath Path { get; }

    public SimWatchdog Watchdog { get; }

    /// <summary>When the watchdog reset this machine, on the world's clock.</summary>
    public List<TimeSpan> Resets { get; } = [];

    public HostNode? Node { get; private set; }

    /// <summary>Asks for space for the volumes it serves.</summary>
    public VolumeGrowth? Growth { get; private set; }

    /// <summary>Larger than the pool's for a host that was set up differently.</summary>
    public LeaseTiming? OwnTiming { get; set; }

    public IEnumerable<SimGuest> Guests => guests.Values;

    public bool IsUp => process is { IsDead: false };

    public bool IsFrozen => process is { IsFrozen: true };

    /// <summary>What happens to this host at the very moment it issues a write of some kind; null: nothing.</summary>
    public PoolAim? Aim { get; set; }

    /// <summary>Volumes a killed process left served: its map entries must keep them until its next life has looked.</summary>
    public IReadOnlyList<string> LeftServed { get; private set; } = [];

    /// <summary>Its entry was cleared in order, perhaps by a later life than the one that was killed.</summary>
    public void NoLongerServes(string volume) => LeftServed = [.. LeftServed.Where(left => left != volume)];

    /// <summary>The verbs of the SPM, if this host is it and its program runs.</summary>
    public PoolVerbs? Verbs => process is { IsDead: false, IsFrozen: false } ? Node?.Verbs : null;

    /// <summary>Its program would write as SPM if it were asked now, asleep or not: what Exclusion is about.</summary>
    public SpmTerm? LeadingTerm => IsUp && Node?.SpmRole?.Term is { } term && term.Fence.MayWrite() ? term : null;

    /// <summary>It is in a term as SPM, whose fence may be closed already.</summary>
    public bool HasTerm => Node?.SpmRole?.Term is not null && IsUp;

    /// <summary>It has the SPM lease or is taking it, asleep or not.</summary>
    public bool HasRole => IsUp && Node?.Role is RoleName.Leading or RoleName.Campaigning or RoleName.Draining;

    public bool Serves(string volume) => IsUp && Node?.Activator.Find(Guid.Parse(volume)) is not null;

    public bool IsMetadata(long offset) => world.Metadata.IsMetadata(offset);

    public SimGuest GuestOf(string volume)
    {
        if (!guests.TryGetValue(volume, out var guest))
        {
            guests.Add(volume, guest = new SimGuest(world, this, volume));
        }

        return guest;
    }

    public void StopGuest(string volume)
    {
        if (guests.Remove(volume, out var guest))
        {
            guest.Stop();
        }
    }

    public void Start()
    {
        if (IsUp)
        {
            return;
        }

        (stopping, waitedForFormerLife) = (new CancellationTokenSource(), false);
        var life = process = new SimProcess(world.Scheduler);
        life.Post(() => Observe(life, stopping.Token));
    }

    public void Freeze() => process!.Freeze();

    public void Thaw()
    {
        clocks.End();
        process!.Thaw();
    }

    /// <summary>A hypervisor pauses the machine: its program, all its clocks and its watchdog stand still, and none of them can know.</summary>
    public void Pause()
    {
        clocks.Begin();
        process!.Freeze();
    }

    /// <summary>What this host says now may have been true a while ago.</summary>
    public bool SleptJustNow => process?.ThawedTicks == world.Scheduler.NowTicks;

    public void Suspend()
    {
        process!.Freeze();
        Path.Suspend();
        Watchdog.Sleep();
    }

    public void Resume()
    {
        Path.Heal();
        process!.Thaw();
    }

    /// <summary>SIGTERM: hands over and ends.</summary>
    public void Stop() => process!.Post(stopping.Cancel);

    /// <summary>The program dies; what it queued in the kernel still lands.</summary>
    public void Kill()
    {
        LeftServed = [.. guests.Values.Where(guest => guest.IsServed).Select(guest => guest.Volume)];
        process!.Kill();
        Node = null;
        world.Trace(Id, "killed");
    }

    /// <summary>The machine dies with everything it queued and every guest on it.</summary>
    public void Reset()
    {
        clocks.End();
        process!.Kill();
        (Node, LeftServed, boot) = (null, [], RandomIdentity.Guid(world.Choice));
        guests.Clear();
        Watchdog.Disarm();
        world.Trace(Id, "reset");
        if (Path.Reset())
        {
            world.Stats.TornWrites++;
        }
    }

    /// <summary>Started again after a while, whatever the kernel still has of the last life: R7 is the program's own business.</summary>
    public void RestartAfter(TimeSpan delay)
    {
        var gone = process;
        world.Scheduler.After(delay, () =>
        {
            if (process == gone)
            {
                Start();
            }
        });
    }

    /// <summary>Runs code as this host's program.</summary>
    public void Post(Action act) => process?.Post(act);

    private async void Observe(SimProcess life, CancellationToken stop)
    {
        try
        {
            await RunAsync(life, stop);
            world.Trace(Id, "ended");
        }
        catch (Exception failure) when (failure is IOException or Refusal)
        {
            // As in production: a start that is refused ends the program, and whoever supervises it starts it again.
            world.Trace(Id, $"ended: {failure.Message}");
        }
        catch (Exception failure)
        {
            world.Fail($"host {Id} threw {failure}");
        }

        if (life == process && !life.IsDead)
        {
            Kill();
            RestartAfter(TimeSpan.FromSeconds(1 + world.Choice.Pick(5, "restarted by its supervisor")));
        }
    }

    private async Task RunAsync(SimProcess life, CancellationToken stop)
    {
        var clock = new SimClock(world.Scheduler, life, clockOffset, clockRate, clocks);
        Watchdog.Begin(clock);
        var lun = new SimLun(Path, life) { Refused = OnLockRefused };
        var domain = await PoolDomain.OpenAsync(lun);
        var identity = new HostIdentity(Id, $"host{Id}", "/state", machine, boot, Url, "sim");
        var killTimer = world.Options.HasKillTimer ? new SimKillTimer(world, this, life, clock) : null;
        var kind = world.Options.HasWatchdog ? WatchdogKind.Device : WatchdogKind.None;
        var guard = new TermGuard(kind, Watchdog, killTimer, domain.Timing.Expiry, new LeaseTrace(world, Id));
        var membership = new Membership(domain, identity, OwnTiming ?? domain.Timing, clock, world.Choice, guard: guard);
        var maps = new ActivationMaps(domain, Id, identity.MapOwner);
        using var meter = new Meter("simulation");
        var extent = domain.Group.ExtentSizeBytes;
        var policy = GrowthPolicy.Default with { ExtentBytes = extent, MinimumChunkBytes = extent, MinimumWatermarkBytes = extent / 2 };
        HostNode? node = null;
        var growth = Growth = new VolumeGrowth(
            domain.Uuid, membership, () => node!.Activator, world.Network.From(this, life, clock), () => node!.Leader(), policy)
        {
            Ids = new RequestIds(Id, RandomIdentity.Guid(world.Choice)),
        };
        var activator = new VolumeActivator(
            domain, membership, maps, new SimServer(this, life), volume => growth.ForHeldWrites(volume, _ => world.Stats.Grown++), "/run",
            HoldLimit, clock, new ExportMetrics(meter), Log);
        var guestService = new GuestService(
            _ => throw new IOException("no monitors here"), _ => null, growth, new StorageProbe(domain.Uuid, membership, maps, () => activator), policy, clock,
            new MonitorInstruments(meter), Log);
        node = Node = new HostNode(
            domain, membership, maps, activator, guestService, new SimImager(world, lun), clock, world.Choice, new PoolCounters(), Log);
        await node.RunAsync(() => LeftServed = [], stop);
    }

    private void OnLockRefused()
    {
        if (!waitedForFormerLife)
        {
            waitedForFormerLife = true;
            world.Stats.RestartsWithQueuedIo++;
            world.Trace(Id, "waits for writes of its former life");
        }
    }

    private void Log(string line) => world.Trace(Id, line);
}
