namespace OvirtSpm.Simulation.Pool;

/// <summary>One seed from beginning to end: half an hour under its own faults, then everything healed and progress demanded.</summary>
internal sealed class PoolRun
{
    private static readonly TimeSpan Faulty = TimeSpan.FromMinutes(29);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
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
        World = new PoolWorld(new PoolOptions(hosts, WatchdogTimeoutSeconds: weakness == PoolWeakness.NoWatchdog ? 0 : 3, Weakness: weakness) { HasKillTimer = seed % 3 == 0, HasWatchdog = weakness != PoolWeakness.NoWatchdog }, seed);
        faults = new PoolFaults(World, weakness);
    }

    public PoolWorld World { get; }

    /// <exception cref="SimulationFailure">A checker objects.</exception>
    public void Run()
    {
        World.Trace(0, $"{faults}; weakness: {World.Options.Weakness}");
        new PoolClient(World, volumes: 6, meanMilliseconds: 500 << World.Choice.Pick(6, "how busy")) { UsesVolumes = true }.Begin();
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
        World.RunUntil(w => w.Acknowledgements > before + 2, Minute, "acknowledgements by the SPM");
        // C8: what was open when all was healed ends, whoever began it.
        var open = World.Leader?.LeadingTerm?.Journal.Open ?? [];
        World.RunUntil(w => w.Leader?.LeadingTerm is { } term && !term.Journal.Open.Any(open.Contains), Minute, "the end of every operation that was open (C8)");
        World.GuestPauseMilliseconds = 1000;
        var guests = World.Hosts.SelectMany(host => host.Guests).Where(guest => guest.IsServed).ToList();
        var written = guests.ToDictionary(guest => guest, guest => guest.Written);
        World.RunUntil(
            _ => guests.All(guest => guest.Written > written[guest] || guest.IsFull || !guest.IsServed), Minute, "every guest's next write");
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
