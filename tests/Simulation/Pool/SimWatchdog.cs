using OvirtSpm.Leases;

namespace OvirtSpm.Simulation.Pool;

/// <summary>Hardware: counts on by itself whatever the program does, and resets the machine before others may take over.</summary>
/// <remarks>The product feeds and disarms it. C10: it must not reset a machine that neither has the role nor a write under way.</remarks>
internal sealed class SimWatchdog(PoolWorld world, PoolHost host) : IWatchdog
{
    private SimClock? clock;
    private long fed;
    private bool isOfFormerLife;

    public bool IsUnsafe => !world.Options.HasWatchdog;

    public string Name => "simulated";

    public bool IsArmed { get; private set; }

    public void Begin(SimClock clockOfLife) => (clock, isOfFormerLife) = (clockOfLife, true);

    public string? Prepare(LeaseTiming timing)
    {
        Disarm();
        return null;
    }

    public string? Feed(TimeSpan expiresAt)
    {
        if (IsUnsafe)
        {
            return null;
        }

        var mine = ++fed;
        (IsArmed, isOfFormerLife) = (true, false);
        clock!.At(expiresAt + world.Timing.WatchdogTimeout - TimeSpan.FromSeconds(1), () =>
        {
            if (mine == fed && IsArmed)
            {
                Fire();
            }
        });
        return null;
    }

    public void Disarm() => (IsArmed, fed) = (false, fed + 1);

    /// <summary>Suspend stops it; whatever it was to prevent may happen (R26 keeps an SPM awake).</summary>
    public void Sleep() => fed++;

    private void Fire()
    {
        world.Trace(host.Id, "watchdog");
        if (host.IsUp && !host.IsFrozen && host.Node?.Membership.IsValid == true)
        {
            world.Fail($"C10, R21: host {host.Id} is reset by its watchdog while the deadline of its host id holds");
        }

        // The pool's writer counts while it waits for metadata: it has entered the fence and might write when it has its answer.
        if (host.IsUp && !host.IsFrozen && !isOfFormerLife && !host.HasRole && !host.Path.Awaited.Any(io => io.IsWrite || io.Length == 0 || host.IsMetadata(io.Offset)))
        {
            world.Fail($"C10: host {host.Id} is reset by its watchdog without the role and without a write under way");
        }

        world.Stats.WatchdogResets++;
        host.Resets.Add(world.Scheduler.Now);
        Disarm();
        host.Reset();
        host.RestartAfter(TimeSpan.FromSeconds(3));
    }
}
