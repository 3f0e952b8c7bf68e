namespace OvirtSpm.Leases;

/// <summary>Kills this process at a moment of the boot clock, whatever it is doing, also when it is stopped.</summary>
/// <remarks>
/// R25: a process that is stopped between reading its deadline and writing goes on with the write when it wakes. One that was killed does
/// not. What the kernel already has still lands; against that there is only a watchdog.
/// </remarks>
public interface IKillTimer
{
    /// <param name="at">Time since boot on the boot clock; replaces what was set before.</param>
    void Arm(TimeSpan at);

    void Disarm();
}
