using OvirtSpm.Leases;

namespace OvirtSpm.Simulation.Pool;

/// <summary>What goes wrong in one world: most faults off, the others at wildly different rates (uniform noise hides what swarms find).</summary>
internal sealed class PoolFaults
{
    private readonly PoolWorld world;
    private bool healed;
    private readonly List<(PoolFault Fault, int MeanSeconds)> plan = [];

    public PoolFaults(PoolWorld world, PoolWeakness weakness)
    {
        this.world = world;
        foreach (var fault in Enum.GetValues<PoolFault>())
        {
            if (fault == PoolFault.Suspend ? weakness == PoolWeakness.Suspend : Is(3, "fault on"))
            {
                plan.Add((fault, world.Pace(30 << world.Choice.Pick(6, "mean time between"))));
            }
        }

        var stuck = Is(3, "stuck I/O on") ? 64 << world.Choice.Pick(8, "stuck I/O rate") : 0;
        var stuckFor = (int)LongestStuck(world.Timing).TotalMilliseconds >> world.Choice.Pick(6, "stuck for");
        var errors = Is(5, "I/O errors on") ? 256 << world.Choice.Pick(6, "I/O error rate") : 0;
        var twice = weakness == PoolWeakness.WritesLandTwice ? 8 << world.Choice.Pick(4, "twice rate") : 0;
        foreach (var host in world.Hosts)
        {
            (host.Path.StuckOneIn, host.Path.StuckMilliseconds) = (stuck, stuckFor);
            (host.Path.ErrorOneIn, host.Path.TwiceOneIn) = (errors, twice);
        }

        world.RotVotesOneIn = Is(6, "votes rot") ? 2 << world.Choice.Pick(4, "vote rot rate") : 0;
        world.Stray.OneIn = world.Options.HasStrayIo ? 4 << world.Choice.Pick(8, "stray rate") : 0;
        world.Network.LoseOneIn = Is(4, "messages lost") ? 2 << world.Choice.Pick(5, "loss rate") : 0;
        world.Network.RepeatOneIn = Is(4, "messages twice") ? 2 << world.Choice.Pick(4, "repeat rate") : 0;
        world.Network.DelayMilliseconds = 1 << world.Choice.Pick(13, "message delay");
        if (Is(6, "unequal timeouts"))
        {
            world.Hosts[world.Choice.Pick(world.Hosts.Length, "who is slower")].OwnTiming =
                new LeaseTiming(world.Timing.IoTimeout + TimeSpan.FromSeconds(1), world.Timing.WatchdogTimeout);
        }
    }

    /// <summary>A stuck I/O outlasts two leases at most.</summary>
    public static TimeSpan LongestStuck(LeaseTiming timing) => 16 * timing.IoTimeout;

    public override string ToString() => string.Join(", ", plan.Select(p => $"{p.Fault} every {p.MeanSeconds} s")) is { Length: > 0 } text ? text : "no faults";

    public void Begin(TimeSpan until)
    {
        foreach (var (fault, mean) in plan)
        {
            Schedule(fault, mean, until);
        }
    }

    /// <summary>Everything works again, whoever is down is started.</summary>
    public void Heal()
    {
        world.Network.Heal();
        (world.RotVotesOneIn, world.Stray.OneIn) = (0, 0);
        healed = true;
        foreach (var host in world.Hosts)
        {
            (host.Path.StuckOneIn, host.Path.ErrorOneIn, host.Path.TwiceOneIn) = (0, 0, 0);
            host.Aim = null;
            host.Path.Heal();
            if (host.IsFrozen)
            {
                host.Thaw();
            }

            host.Start();
        }

        world.Disk.HealRot();
    }

    private bool Is(int oneIn, string what) => world.Choice.Pick(oneIn, what) == 0;

    private void Schedule(PoolFault fault, int meanSeconds, TimeSpan until) =>
        world.Scheduler.After(TimeSpan.FromMilliseconds(world.Choice.Pick(2000 * meanSeconds, "time to fault")), () =>
        {
            if (world.Scheduler.Now < until)
            {
                // The SPM is the interesting one; anybody else is hit half of the time.
                var host = world.Leader is { } leader && Is(2, "the SPM") ? leader : world.Hosts[world.Choice.Pick(world.Hosts.Length, "whom")];
                if (Is(2, "at once"))
                {
                    Strike(host, fault);
                }
                else
                {
                    host.Aim = Aim(host, fault);
                }

                Schedule(fault, meanSeconds, until);
            }
        });

    /// <summary>In the middle of something; every other time the storage holds that very write, and all else goes on.</summary>
    private PoolAim Aim(PoolHost host, PoolFault fault)
    {
        var at = world.Choice.Pick(5, "in the middle of what") switch
        {
            0 => AimedAt.Ballot,
            1 => AimedAt.Records,
            _ => AimedAt.Commit,
        };
        return new PoolAim(at, world.Choice.Pick(4, "which of them"), io =>
        {
            var into = TimeSpan.FromMicroseconds(world.Choice.Pick(1000, "into the write"));
            if (Is(2, "the write is held"))
            {
                io.Held = TimeSpan.FromMilliseconds(1 + world.Choice.Pick((int)LongestStuck(world.Timing).TotalMilliseconds >> world.Choice.Pick(6, "held for"), "held for"));
                into = Is(2, "soon") ? into : TimeSpan.FromMilliseconds(world.Choice.Pick((int)io.Held.TotalMilliseconds, "into the held write"));
            }

            world.Scheduler.After(into, () => Strike(host, fault));
        });
    }

    private void Strike(PoolHost host, PoolFault fault)
    {
        // One that was aimed at a write may come due after everything was healed.
        if (!healed && host.IsUp && !host.IsFrozen && !host.Path.IsDown)
        {
            PoolStrike.At(world, host, fault, Length(fault));
        }
    }

    /// <summary>A third of the outages outlast a takeover: what was queued before lands behind it, unless something prevents that.</summary>
    private TimeSpan Length(PoolFault fault) => fault is PoolFault.Cut or PoolFault.CutAndDrop && Is(3, "beyond a takeover")
        ? world.Timing.FailoverBound + TimeSpan.FromMilliseconds(world.Choice.Pick((int)world.Timing.Expiry.TotalMilliseconds, "how long beyond"))
        : TimeSpan.FromMilliseconds(
        world.Options.IoTimeoutSeconds * world.Choice.Pick(200 << world.Choice.Pick(9, "how long"), "how long"));
}
