using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Pool.Recovery;

/// <summary>A merge goes on once its parent was made ILLEGAL: until then nothing had begun that anybody could see.</summary>
/// <remarks>
/// <code>
/// the volume is gone                       done
/// it and its parent are both LEGAL         undone
/// one of them is ILLEGAL                   goes on, see ImageMerge: done
/// </code>
/// </remarks>
sealed class MergeRule(ImageWork work, Func<ImageMerge> merge) : IRecoveryRule
{
    public OperationKind Kind => OperationKind.Merge;

    public async Task<OperationOutcome> EndAsync(JournalRecord.Begun operation)
    {
        if (work.Find(operation.Volume) is { } top)
        {
            return await merge().ResumeAsync(top, operation);
        }
        work.End(operation, OperationOutcome.Done);
        return OperationOutcome.Done;
    }
}
