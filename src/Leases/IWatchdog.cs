namespace OvirtSpm.Leases;

/// <summary>Resets this machine when the node cannot say in time that it still holds its lease.</summary>
/// <remarks>
/// R21: armed only while the SPM lease or a write under it is outstanding. The arithmetic: others take over 8 T + W after they saw our last
/// renewal; we may write until 8 T; so the machine must be reset at most W after the deadline. Any thread; nothing here throws.
/// </remarks>
public interface IWatchdog
{
    /// <summary>Nothing resets this machine: a write already queued when it hangs may land after another host took over.</summary>
    bool IsUnsafe { get; }

    /// <summary>For people.</summary>
    string Name { get; }

    bool IsArmed { get; }

    /// <summary>Once, when every write of this node's former life is known to have returned: what that life left armed is disarmed.</summary>
    /// <returns>Why it cannot do what is asked of it, with the arithmetic; null when it can.</returns>
    string? Prepare(LeaseTiming timing);

    /// <summary>This machine may live until <paramref name="expiresAt"/> and is reset within W after it, unless fed again or disarmed.</summary>
    /// <param name="expiresAt">Time since boot on the boot clock.</param>
    /// <returns>Why it is not armed; null when it is.</returns>
    string? Feed(TimeSpan expiresAt);

    /// <summary>Nothing of ours can be written any more: the machine lives on.</summary>
    void Disarm();
}
