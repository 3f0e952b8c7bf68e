namespace OvirtSpm.Simulation.Pool;

/// <summary>What one world of whole nodes is like.</summary>
/// <param name="WatchdogTimeoutSeconds">What the pool's tags say; a host that hangs without a watchdog is not reset all the same.</param>
/// <param name="Weakness">With any, the weaker promise is checked: late writes harm one copy, and nothing acknowledged is lost.</param>
internal sealed record PoolOptions(
    int Hosts = 3, int IoTimeoutSeconds = 1, int WatchdogTimeoutSeconds = 3, PoolWeakness Weakness = PoolWeakness.None)
{
    /// <summary>R25: the kernel kills a program at its deadline.</summary>
    public bool HasKillTimer { get; init; }

    /// <summary>Writes of votes that are answered and not there, or elsewhere; old answers (<see cref="StrayIo"/>).</summary>
    public bool HasStrayIo { get; init; }

    /// <summary>Hosts have one; its timeout is the pool's.</summary>
    public bool HasWatchdog { get; init; }
}
