using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Roles;

/// <summary>A takeover that is one commit and no term: for verbs that change what the journal itself rests on.</summary>
static class QuietTakeOver
{
    /// <summary>Only over a journal in which nothing is open and nothing is lost: what such a commit does is not in it.</summary>
    public static async ValueTask<TakeOverBasis> NothingOpenAsync(this JournalPlace place, PoolDomain domain, VolumeGroup found, PoolFence fence, Func<VolumeGroupDraft, string?> change)
    {
        var journal = await place.ReadAsync(found);
        var objection = domain.MovedSince(found)
            ?? (journal.LostAbove(found.Epoch ?? 0, found.Seqno).Count > 0 ? "the journal knows commits that the metadata have lost" : null)
            ?? (journal.State().Open is { Count: > 0 } left ? $"{left.Count} operations are not ended ('spm journal show' names them); start a node and let it end them" : null)
            ?? (journal.HighestEpoch >= fence.Epoch ? $"the journal has seen epoch {journal.HighestEpoch}" : null);
        return new TakeOverBasis(Journal: null, objection, change);
    }
}
