namespace OvirtSpm.Node.Api;

/// <param name="On">Null: only look.</param>
public sealed record GuardRequest(bool? On);

/// <summary>Whether stock lvm2 on any host is kept from changing a domain.</summary>
/// <param name="SystemId">The volume group's, ours or anybody's; null when it has none.</param>
/// <param name="NoAutoActivation">lvm2 activates no volume by itself when the device appears.</param>
/// <param name="Refused">What stock lvm2 refuses as it is now.</param>
/// <param name="NotStopped">What it would do nevertheless.</param>
/// <param name="Changed">False: it was so already, or this was only a look.</param>
public sealed record GuardReply(
    string VolumeGroup, bool On, string? SystemId, bool NoAutoActivation, IReadOnlyList<string> Refused, IReadOnlyList<string> NotStopped, uint Seqno, bool Changed = false);
