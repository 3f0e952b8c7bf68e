namespace OvirtSpm.Simulation.Pool;

/// <summary>Why a write may land after its host lost the lease; at most one reason in a world.</summary>
internal enum PoolWeakness
{
    /// <summary>It may not: every host has a watchdog that keeps its promise.</summary>
    None,

    /// <summary>No host has a watchdog.</summary>
    NoWatchdog,

    /// <summary>Machines sleep with their watchdog, and what was queued lands when they wake (R26 is to prevent that).</summary>
    Suspend,

    /// <summary>The storage repeats finished writes of the first metadata copy.</summary>
    WritesLandTwice,
}
