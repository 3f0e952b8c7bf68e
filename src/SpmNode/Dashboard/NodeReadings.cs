namespace OvirtSpm.Node.Dashboard;

/// <summary>What a node can say about itself at the moment somebody looks; each gauge is taken from one of these.</summary>
/// <param name="Role">One of <see cref="NodeMetrics.Roles"/>; another word is shown as it is.</param>
/// <param name="Epoch">The version of the SPM lease this node last saw; 0 before it saw one.</param>
/// <param name="LeaseMarginSeconds">Time left until the deadline: negative once it has passed, null while no lease is held.</param>
/// <param name="FreeBytes">Unallocated bytes of the pool; null while unknown.</param>
/// <param name="Volumes">Volumes in the pool; null while unknown.</param>
/// <param name="HeldWrites">Guest writes now waiting past the end of their volume.</param>
/// <param name="WatchdogUnsafe">True without a watchdog: a write already queued may then land after the deadline.</param>
/// <param name="WatchdogArmed">A watchdog resets this host unless it is fed.</param>
/// <param name="SizeBytes">All that volumes can have; null while unknown.</param>
/// <param name="ReserveBytes">Kept for running guests.</param>
/// <param name="SecondsToFull">At the rate of the last minutes; null while nothing is allocated.</param>
/// <param name="SpaceLevel">0 ample, 1 low, 2 soon full, 3 only the reserve left, 4 full.</param>
/// <param name="Devices">The domain's multipath devices.</param>
/// <param name="GuestsOnStorageError">Watched guests that stand because their storage failed.</param>
public sealed record NodeReadings(
    string Role,
    ulong Epoch,
    double? LeaseMarginSeconds,
    long? FreeBytes,
    long? Volumes,
    long HeldWrites,
    bool WatchdogUnsafe,
    bool WatchdogArmed = false,
    long? SizeBytes = null,
    long? ReserveBytes = null,
    double? SecondsToFull = null,
    int? SpaceLevel = null,
    IReadOnlyList<PathReading>? Devices = null,
    int GuestsOnStorageError = 0);

/// <summary>Paths to one device of the domain.</summary>
public sealed record PathReading(string Device, int Usable, int Failed);
