namespace OvirtSpm.Node.Api;

/// <summary>A pool's space and the rules for it. Sizes are bytes, rates bytes per second.</summary>
/// <param name="SizeBytes">All that volumes can have.</param>
/// <param name="PromisedBytes">What the volumes come to when each is as large as it can become.</param>
/// <param name="PromiseLimitBytes">The most that may be promised; null: no limit.</param>
/// <param name="ReserveBytes">Kept for running guests.</param>
/// <param name="Level"><c>ample</c>, <c>low</c>, <c>soon</c>, <c>reserve</c>, <c>full</c>; null where nobody follows it.</param>
/// <param name="SecondsToFull">At the rate of the last minutes; null while nothing is allocated.</param>
public sealed record SpaceReply(
    long SizeBytes, long FreeBytes, long PromisedBytes, int? OvercommitPercent, long? PromiseLimitBytes, long ReserveBytes, int WarnPercent,
    string? Level = null, double? BytesPerSecond = null, double? SecondsToFull = null, long UnseenBytes = 0);

/// <summary>Change the rules; what is null stays as it is.</summary>
/// <param name="OvercommitPercent">0: no limit.</param>
/// <param name="ReservePercent">With <paramref name="ReserveMib"/>: the larger of the two counts.</param>
public sealed record SpaceRequest(int? OvercommitPercent = null, int? ReservePercent = null, long? ReserveMib = null, int? WarnPercent = null);
