using OvirtSpm.LvmMetadata.Edit;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>What whoever keeps a journal says to the text that a takeover is about to begin from.</summary>
/// <param name="Journal">Is told of every commit from the takeover's on; null for none.</param>
/// <param name="Objection">Why the takeover must not be; null when it may.</param>
/// <param name="Reapply">R6b: changes that were acknowledged and are not in the text, made again in the takeover's own commit. Returns why it cannot, or null.</param>
public sealed record TakeOverBasis(ICommitJournal? Journal, string? Objection = null, Func<VolumeGroupDraft, string?>? Reapply = null);
