using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.Simulation;

/// <summary>One machine: joins, competes for the one resource, and writes under it while it may.</summary>
internal sealed class SimHost : ILeaseObserver
{
    private readonly World world;
    private readonly TimeSpan clockOffset;
    private readonly int clockRate;
    private SimProcess process;
    private SimClock clock;
    private LeaseKeeper? keeper;
    private ulong leadingEpoch;
    private long watchdogArmed;

    public SimHost(World world, int id)
    {
        (this.world, Id) = (world, id);
        clockOffset = TimeSpan.FromMilliseconds(world.Choice.Pick(2_000_000_000, "clock offset") + 1000);
        clockRate = world.Choice.Pick(801, "clock rate, ppm") - 400;
        Path = new SimPath(id, world.Disk, world.Scheduler, world.Choice);
        (process, clock) = (null!, null!);
    }

    public int Id { get; }

    public SimPath Path { get; }

    public bool IsUp => process is { IsDead: false };

    public bool IsFrozen => process is { IsFrozen: true };

    /// <summary>Its program would act as leader if it were asked now: what Exclusion is about.</summary>
    public bool IsLeading => IsUp && leadingEpoch != 0 && keeper!.Deadline.Holds();

    public ulong LeadingEpoch => leadingEpoch;

    public TimeSpan LeadingSince { get; private set; }

    /// <summary>Set by a scenario: give the resource back at the next step.</summary>
    public bool ShouldRelease { get; set; }

    public void Start()
    {
        if (IsUp)
        {
            return;
        }

        process = new SimProcess(world.Scheduler);
        clock = new SimClock(world.Scheduler, process, clockOffset, clockRate);
        (keeper, leadingEpoch) = (null, 0);
        var life = process;
        process.Post(() => Observe(LiveAsync(life)));
    }

    public void Freeze() => process.Freeze();

    public void Thaw() => process.Thaw();

    /// <summary>The program dies; what it queued in the kernel still lands.</summary>
    public void Kill()
    {
        process.Kill();
        world.Trace(Id, "killed");
    }

    /// <summary>The machine dies with everything it queued.</summary>
    public void Reset()
    {
        process.Kill();
        Path.Reset();
        watchdogArmed++;
        world.Trace(Id, "reset");
    }

    /// <summary>R7: the next life begins only when everything the last one queued has returned.</summary>
    public void RestartWhenQuiet(TimeSpan delay)
    {
        var gone = process;
        world.Scheduler.After(delay, () =>
        {
            if (process != gone)
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
    }

    public void Renewed(TimeSpan took, TimeSpan marginBefore, TimeSpan expiresAt) => ArmWatchdog(expiresAt);

    public void RenewalFailed(string why, TimeSpan margin) => world.Trace(Id, "renewal failed");

    public void Lost(LeaseLost lost) => world.Trace(Id, $"lost {lost.Reason}");

    private async Task LiveAsync(SimProcess life)
    {
        keeper = new LeaseKeeper(Device(life, World.LockspaceOffset), world.Geometry, "LS", Id, $"machine-{Id}", world.Timing, clock, world.Choice,
            (_, _) => world.Timing.WatchdogTimeout, this);
        var lease = new ResourceLease(Device(life, 0), World.ResourceOffset, world.Geometry, "LS", "SDM", keeper, clock, world.Choice);
        while (!life.IsDead)
        {
            var joined = await keeper.JoinAsync(CancellationToken.None);
            world.Trace(Id, $"join {joined.GetType().Name}");
            if (joined is not JoinOutcome.Joined)
            {
                await Task.Delay(TimeSpan.FromSeconds(1), clock);
                continue;
            }

            ArmWatchdog(keeper.Deadline.ExpiresAt!.Value);
            using var stop = new CancellationTokenSource();
            var renewing = RenewAsync(keeper, stop);
            while (!stop.IsCancellationRequested)
            {
                await CompeteAsync(life, lease, stop.Token);
            }

            await renewing;
        }
    }

    private static async Task<LeaseLost> RenewAsync(LeaseKeeper keeper, CancellationTokenSource stop)
    {
        var lost = await keeper.RunAsync(stop.Token);
        stop.Cancel();
        return lost;
    }

    private async Task CompeteAsync(SimProcess life, ResourceLease lease, CancellationToken stop)
    {
        AcquireOutcome outcome;
        try
        {
            outcome = await lease.AcquireAsync(new AcquireOptions(WaitForDeadOwner: true, WaitForLiveOwner: true), stop);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        world.Trace(Id, $"acquire {outcome.GetType().Name}");
        if (outcome is not AcquireOutcome.Acquired acquired)
        {
            await PauseAsync(stop);
            return;
        }

        (leadingEpoch, LeadingSince) = (acquired.LeaseVersion, world.Scheduler.Now);
        world.Trace(Id, $"leads {leadingEpoch}");
        await LeadAsync(life, acquired.LeaseVersion, stop);
        leadingEpoch = 0;
        if (!stop.IsCancellationRequested)
        {
            world.Trace(Id, $"release {(await lease.ReleaseAsync()).GetType().Name}");
            await PauseAsync(stop);
        }
    }

    /// <summary>What an SPM does, in small: single writes, each after a look at the deadline, none beside another.</summary>
    private async Task LeadAsync(SimProcess life, ulong epoch, CancellationToken stop)
    {
        var work = Device(life, 0);
        while (!stop.IsCancellationRequested && !ShouldRelease)
        {
            var sector = new byte[world.Disk.SectorSize];
            BitConverter.TryWriteBytes(sector, epoch);
            if (!keeper!.Deadline.Holds())
            {
                break;
            }

            await work.WriteAsync(World.WorkOffset, sector);
            if (world.Choice.Pick(world.ReleaseOneIn, "release") == 0)
            {
                break;
            }

            await PauseAsync(stop);
        }

        ShouldRelease = false;
    }

    private async Task PauseAsync(CancellationToken stop)
    {
        try
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100 + world.Choice.Pick(900, "pause")), clock, stop);
        }
        catch (OperationCanceledException)
        {
            // Whoever called looks at the token.
        }
    }

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

    /// <summary>Hardware: counts on by itself, whatever the program does, and resets the machine before others may take over.</summary>
    private void ArmWatchdog(TimeSpan expiresAt)
    {
        if (world.Timing.WatchdogTimeout == TimeSpan.Zero)
        {
            return;
        }

        var mine = ++watchdogArmed;
        clock.At(expiresAt + world.Timing.WatchdogTimeout - TimeSpan.FromSeconds(1), () =>
        {
            if (mine == watchdogArmed)
            {
                world.Trace(Id, "watchdog");
                Reset();
                world.Scheduler.After(TimeSpan.FromSeconds(3), Start);
            }
        });
    }

    private SimBlockDevice Device(SimProcess life, long start) => new(Path, life, start, World.SizeBytes - start);
}
