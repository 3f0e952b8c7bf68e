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
    SpaceReply? Space = null,
    IReadOnlyList<MultipathReply>? Multipath = null);

/// <summary>One device of the domain that this host reaches by several paths.</summary>
/// <param name="QueueSeconds">How long I/O waits when it has no path; null when multipathd does not say, or for ever.</param>
public sealed record MultipathReply(string Device, string Name, string Wwid, IReadOnlyList<PathReply> Paths, double? QueueSeconds);

/// <param name="Failures">Since the device was made.</param>
public sealed record PathReply(string Name, string Number, bool Usable, int Failures);

public sealed record ActiveVolumeReply(
    string Volume, bool ReadOnly, string Socket, long AllocatedBytes, long MaximumBytes, long HeldWrites, double LongestHoldSeconds, bool Exclusive = false);

public sealed record HostReply(
    int HostId, string Name, string State, ulong Generation, string? Url, string Role, double? SinceSeconds, string? Watchdog, string? Build,
    int Preference, bool Maintenance);

/// <param name="ResumeBehavior">After a storage error, in oVirt's words: <c>auto_resume</c> (of a new guest unless said), <c>leave_paused</c> or <c>kill</c>.</param>
/// <param name="KillAfterSeconds">For <c>kill</c>: the longest it may have stood and still go on.</param>
public sealed record WatchGuestRequest(string Qmp, string? Name, string? ResumeBehavior = null, double? KillAfterSeconds = null);

/// <param name="Why">Why it stands, when it does.</param>
/// <param name="StorageError">It stands because I/O on a disk of this pool failed.</param>
public sealed record GuestReply(
    string Name, string Qmp, string State, IReadOnlyList<GuestDiskReply> Disks, string? Why = null, bool StorageError = false, string? ResumeBehavior = null,
    double? KillAfterSeconds = null);

public sealed record GuestDiskReply(
    string Volume,
    string State,
    long AllocatedBytes,
    long? HighestWrittenBytes,
    long? ThresholdBytes,
    int Extends,
    double? LastLatencyMilliseconds,
    string? Why,
    IReadOnlyList<double> LatenciesMilliseconds,
    GrowthReply? Growth = null);

/// <summary>How a thin volume grows now, with the arithmetic. Sizes are bytes, rates bytes per second.</summary>
/// <param name="AwaitedBytes">factor × rate × latency.</param>
/// <param name="LastingBytes">rate × span.</param>
/// <param name="WatermarkBytes">Free space at which an extend is asked for: the larger of awaited and minimum.</param>
/// <param name="ChunkBytes">What one extend adds: the largest of minimum, lasting and watermark, in whole extents.</param>
/// <param name="Source">Who measured it.</param>
public sealed record GrowthReply(
    double BytesPerSecond, double LatencySeconds, int Factor, long AwaitedBytes, long MinimumWatermarkBytes, long WatermarkBytes,
    double SpanSeconds, long LastingBytes, long MinimumChunkBytes, long MaximumChunkBytes, long ChunkBytes, string Source);
