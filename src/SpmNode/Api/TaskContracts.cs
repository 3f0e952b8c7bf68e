namespace OvirtSpm.Node.Api;

/// <summary>One piece of long work as people and programs see it.</summary>
/// <param name="Task">The id of the request that asked for it: asked again, that request is not done twice.</param>
/// <param name="State"><c>running</c>, <c>cancelling</c>, then for good <c>done</c>, <c>failed</c> or <c>cancelled</c>.</param>
/// <param name="Progress">0 to 1, never less than it was.</param>
/// <param name="Error">Why it failed, and what to do; nothing half-made is left.</param>
/// <param name="Code">Of the refusal, as in <see cref="ErrorReply"/>.</param>
/// <param name="Result">What came of it, when it is done; null where only the journal remembers it.</param>
/// <param name="Deleted">The same of a deletion.</param>
public sealed record TaskReply(
    string Task, string Kind, string Volume, string State, double Progress, bool CanCancel, string? Error = null, string? Code = null, VolumeReply? Result = null,
    DeleteVolumeReply? Deleted = null)
{
    public bool HasEnded => State is "done" or "failed" or "cancelled";
}
