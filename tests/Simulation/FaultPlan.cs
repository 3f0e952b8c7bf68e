namespace OvirtSpm.Simulation;

/// <summary>What goes wrong in one run: most faults off, the others at wildly different rates (uniform noise hides what swarms find).</summary>
internal sealed class FaultPlan
{
    private enum Fault
    {
        Freeze,
        Kill,
        Reset,
        Cut,
    }

    private readonly World world;
    private readonly List<(Fault Fault, int MeanSeconds)> faults = [];

    private FaultPlan(World world) => this.world = world;

    public static FaultPlan Of(World world)
    {
        var plan = new FaultPlan(world);
        foreach (var fault in Enum.GetValues<Fault>())
        {
            if (world.Choice.Pick(5, "fault on") < 2)
            {
                plan.faults.Add((fault, 5 << world.Choice.Pick(6, "mean time between")));
            }
        }

        foreach (var host in world.Hosts)
        {
            host.Path.StuckOneIn = world.Choice.Pick(3, "stuck I/O on") == 0 ? 4 << world.Choice.Pick(7, "stuck I/O rate") : 0;
        }

        return plan;
    }

    /// <summary>Faults for a while, then everything healed: after that there must be a leader within the bound.</summary>
    public void Run(TimeSpan time)
    {
        var until = world.Scheduler.Now + time;
        foreach (var (fault, mean) in faults)
        {
            Schedule(fault, mean, until);
        }

        world.RunFor(time);
        foreach (var host in world.Hosts)
        {
            host.Path.StuckOneIn = 0;
            host.Path.Heal();
            if (host.IsFrozen)
            {
                host.Thaw();
            }
        }

        // Whoever lost its lease or its machine joins first, at worst while its old life still counts.
        world.RunUntil(w => w.Leader is not null, world.Timing.FailoverBound + world.Timing.JoinHeld + TimeSpan.FromSeconds(10), "a leader after all was healed");
    }

    private void Schedule(Fault fault, int meanSeconds, TimeSpan until) =>
        world.Scheduler.After(TimeSpan.FromMilliseconds(world.Choice.Pick(2000 * meanSeconds, "time to fault")), () =>
        {
            if (world.Scheduler.Now < until)
            {
                Strike(fault, world.Hosts[world.Choice.Pick(world.Hosts.Count, "whom")]);
                Schedule(fault, meanSeconds, until);
            }
        });

    private void Strike(Fault fault, SimHost host)
    {
        if (!host.IsUp || host.IsFrozen || host.Path.IsDown)
        {
            return;
        }

        world.Trace(host.Id, $"{fault}");
        var length = TimeSpan.FromMilliseconds(world.Choice.Pick(200 << world.Choice.Pick(8, "how long"), "how long"));
        switch (fault)
        {
            case Fault.Freeze:
                host.Freeze();
                world.Scheduler.After(length, () => IfSame(host, host.Thaw));
                break;
            case Fault.Kill:
                host.Kill();
                host.RestartWhenQuiet(length);
                break;
            case Fault.Reset:
                host.Reset();
                world.Scheduler.After(length, host.Start);
                break;
            case Fault.Cut:
                host.Path.Cut();
                world.Scheduler.After(length, () => host.Path.Heal());
                break;
        }
    }

    private static void IfSame(SimHost host, Action thaw)
    {
        if (host.IsFrozen)
        {
            thaw();
        }
    }
}
