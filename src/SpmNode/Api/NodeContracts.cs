namespace OvirtSpm.Node.Api;

/// <summary>What a node says of itself. Durations are seconds.</summary>
/// <param name="LeaseMarginSeconds">Time left in which this host may act, if it never renewed again.</param>
/// <param name="Watchdog"><c>none (unsafe)</c> unless a watchdog would reset this host when it hangs.</param>
/// <param name="Space">Only the SPM's answer has it.</param>
/// <param name="StaleWrites">Writes of a former SPM that landed late on the metadata, were found and replaced from memory.</param>
public sealed record StatusReply(
    string Domain,
    int HostId,
    string Name,
    string Role,
    ulong? Generation,
    ulong? Epoch,
    double LeaseMarginSeconds,
    int? LeaderId,
    string? LeaderName,
    string? LeaderUrl,
    uint? Seqno,
    long? FreeBytes,
    double IoTimeoutSeconds,
    double WatchdogTimeoutSeconds,
    string Watchdog,
    double FailoverBoundSeconds,
    long Commits,
    long CommittedRequests,
    long StaleWrites,
    IReadOnlyList<ActiveVolumeReply> Active,
    IReadOnlyList<string> Warnings,
    SpaceReply? Space = null);

public sealed record ActiveVolumeReply(
    string Volume, bool ReadOnly, string Socket, long AllocatedBytes, long MaximumBytes, long HeldWrites, double LongestHoldSeconds, bool Exclusive = false);

public sealed record HostReply(
    int HostId, string Name, string State, ulong Generation, string? Url, string Role, double? SinceSeconds, string? Watchdog, string? Build,
    int Preference, bool Maintenance);

public sealed record WatchGuestRequest(string Qmp, string? Name);

public sealed record GuestReply(string Name, string Qmp, string State, IReadOnlyList<GuestDiskReply> Disks);

public sealed record GuestDiskReply(
    string Volume,
    string State,
    long AllocatedBytes,
    long? HighestWrittenBytes,
    long? ThresholdBytes,
    int Extends,
    double? LastLatencyMilliseconds,
    string? Why,
    IReadOnlyList<double> LatenciesMilliseconds);
