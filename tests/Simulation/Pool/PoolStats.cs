namespace OvirtSpm.Simulation.Pool;

/// <summary>What happened in one world: shows that the faults are really met.</summary>
internal sealed class PoolStats
{
    public int TornWrites { get; set; }

    public int Outages { get; set; }

    public int Freezes { get; set; }

    public int RestartsWithQueuedIo { get; set; }

    public int WatchdogResets { get; set; }

    /// <summary>Extends that a guest's write had to wait for.</summary>
    public int Grown { get; set; }

    public int ForeignWrites { get; set; }

    public int Refused { get; set; }

    /// <summary>What this world has met, by name.</summary>
    public IEnumerable<(string Name, bool Met)> Met(PoolWorld world) =>
    [
        ("a takeover", world.Metadata.Epochs.Count > 2),
        ("a torn write", TornWrites > 0),
        ("a path outage", Outages > 0),
        ("a freeze", Freezes > 0),
        ("a restart with queued I/O", RestartsWithQueuedIo > 0),
        ("a reset by the watchdog", WatchdogResets > 0),
        ("a stray write or an old answer", world.Stray.Count > 0),
        ("a write of lvm2", ForeignWrites > 0),
        ("a header that landed late", world.Metadata.LateHeaders > 0),
        ("a guest that grew", Grown > 0),
    ];
}
