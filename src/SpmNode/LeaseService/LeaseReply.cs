namespace OvirtSpm.Node.LeaseService;

/// <summary>One lease that users named, as it stands on disk.</summary>
/// <param name="State"><c>free</c>, <c>held</c> (also by a host that may be dead), <c>updating</c> or <c>damaged</c>.</param>
/// <param name="OwnerId">Host id of the holder; null when free.</param>
/// <param name="OwnerName">From the holder's host record or its host id's sector.</param>
/// <param name="Version">Grows with every change of hands; 0: never held.</param>
public sealed record LeaseReply(
    string Name, long OffsetBytes, string State, int? OwnerId, ulong? Generation, string? OwnerName, ulong? Version, string? Problem);
