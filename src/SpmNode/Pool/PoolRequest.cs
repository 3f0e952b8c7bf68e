using System.Collections.Immutable;
using OvirtSpm.LvmMetadata;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Pool;

/// <summary>One change somebody wants in the next commit.</summary>
/// <param name="Apply">Pure: changes the draft and says how that went; a failed change leaves the draft as it was.
/// May run twice, when the metadata had to be read again in between.</param>
/// <param name="Records">What the journal is told in the same commit, if the change is part of it.</param>
sealed record PoolRequest(string What, Func<VolumeGroupDraft, EditOutcome> Apply, ImmutableArray<JournalRecord> Records)
{
    readonly TaskCompletionSource<PoolResult> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<PoolResult> Answer => answer.Task;

    public void Complete(PoolResult result) => answer.TrySetResult(result);
}
