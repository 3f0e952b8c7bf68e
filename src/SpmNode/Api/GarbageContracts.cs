namespace OvirtSpm.Node.Api;

/// <summary>What a crash, or another program, left in a domain.</summary>
/// <param name="Items">In the order in which they are collected.</param>
public sealed record GarbageReply(IReadOnlyList<GarbageItem> Items);

/// <param name="Kind"><c>creation</c>, <c>removal</c>, <c>slots</c>, <c>lease</c>, <c>activation</c>; <c>volume</c> is never collected.</param>
/// <param name="Place">Which volume, slots, record or host id.</param>
/// <param name="Reason">Why it is listed.</param>
/// <param name="Action">What collecting it does; null for what is only reported.</param>
/// <param name="Outcome">What became of it; null in a dry run and for what is only reported.</param>
/// <param name="Collected">It is gone.</param>
public sealed record GarbageItem(string Kind, string Place, string Reason, string? Action, string? Outcome = null, bool Collected = false);
