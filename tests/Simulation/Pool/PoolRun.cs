namespace OvirtSpm.Simulation.Pool;

/// <summary>One seed from beginning to end: half an hour under its own faults, then everything healed and progress demanded.</summary>
internal sealed class PoolRun
{
    private static readonly TimeSpan Faulty = TimeSpan.FromMinutes(29);
    private readonly PoolFaults faults;

    public PoolRun(ulong seed, int hosts = 3)
    {
        var weakness = (seed % 8) switch
        {
            0 or 4 => PoolWeakness.NoWatchdog,
            1 => PoolWeakness.Suspend,
            5 => PoolWeakness.WritesLandTwice,
            _ => PoolWeakness.None,
        };
        // Half an hour is 1,800 T or 180 T: with production's T the same hour costs a tenth, and faults are measured in T.
        var t = (seed / 8 % 64) switch
        {
            0 => 1,
            1 => 2,
            2 or 3 => 5,
            _ => 10,
        };
        var options = new PoolOptions(hosts, t, weakness == PoolWeakness.NoWatchdog ? 0 : seed / 512 % 2 == 0 ? 3 * t : 6 * t, weakness)
        {
            HasKillTimer = seed % 3 == 0,
            HasWatchdog = weakness != PoolWeakness.NoWatchdog,
            HasStrayIo = seed % 16 == 10,
        };
        World = new PoolWorld(options, seed);
        faults = new PoolFaults(World, weakness);
    }

    public PoolWorld World { get; }

    /// <exception cref="SimulationFailure">A checker objects.</exception>
    public void Run()
    {
        World.Trace(0, $"T {World.Options.IoTimeoutSeconds}, W {World.Options.WatchdogTimeoutSeconds}; {faults}; weakness: {World.Options.Weakness}");
        new PoolClient(World, volumes: 6, meanMilliseconds: World.Pace(500 << World.Choice.Pick(6, "how busy"))) { UsesVolumes = true }.Begin();
        faults.Begin(Faulty);
        World.RunFor(Faulty);
        faults.Heal();
        World.Trace(0, "all healed");
        DemandProgress();
        CheckContents();
    }

    private void DemandProgress()
    {
        // Whoever lost its lease or its machine joins first, at worst while its old life still counts, and then waits for the owner's.
        var slowest = World.Timing.FailoverBound + World.Timing.JoinHeld + TimeSpan.FromSeconds(20);
        World.RunUntil(w => w.Leader is not null, 2 * slowest, "an SPM after all was healed");
        var before = World.Acknowledgements;
        new PoolClient(World, volumes: 1, meanMilliseconds: 100).Begin();
        // What was stuck when all was healed still takes its time.
        var limit = TimeSpan.FromMinutes(1) + PoolFaults.LongestStuck(World.Timing);
        World.RunUntil(w => w.Acknowledgements > before + 2, limit, "acknowledgements by the SPM");
        DemandEnds(slowest);
        World.GuestPauseMilliseconds = 1000;
        var guests = World.Hosts.SelectMany(host => host.Guests).Where(guest => guest.IsServed).ToList();
        var written = guests.ToDictionary(guest => guest, guest => guest.Written);
        World.RunUntil(
            _ => guests.All(guest => guest.Written > written[guest] || guest.IsFull || !guest.IsServed), limit, "every guest's next write");
        DemandNoGhosts(limit);
    }

    /// <summary>C9: people go on all the time, so there is a moment at which nothing is half-way, not a state that stays.</summary>
    private void DemandNoGhosts(TimeSpan limit)
    {
        var until = World.Scheduler.Now + limit;
        for (var ghost = GhostCheck.Find(World); ghost is not null; ghost = GhostCheck.Find(World))
        {
            if (World.Scheduler.Now > until)
            {
                World.Fail($"C9: after {limit.TotalSeconds:0} s without a fault {ghost}");
            }

            World.RunFor(TimeSpan.FromMilliseconds(100));
        }
    }

    /// <summary>C8: what is open now ends under a stable SPM; new operations begin meanwhile.</summary>
    private void DemandEnds(TimeSpan limit)
    {
        var open = (World.Leader?.LeadingTerm?.Journal.Open ?? []).Select(operation => operation.Operation).ToHashSet();
        World.RunUntil(
            w => w.Leader?.LeadingTerm is { } term && !term.Journal.Open.Any(operation => open.Contains(operation.Operation)), limit,
            $"C8: the end of open operations ({string.Join(", ", open)})");
    }

    /// <summary>C3: what was answered to a guest lies where the metadata says.</summary>
    private void CheckContents()
    {
        foreach (var entry in World.Book.Written)
        {
            foreach (var (offset, block) in entry.Blocks)
            {
                var sector = World.ReadVolume(entry.Volume, offset);
                if (sector is not null)
                {
                    SimGuest.Compare(World, entry.Volume, offset, block, sector);
                }
            }
        }

        World.RunFor(TimeSpan.Zero);
    }
}
