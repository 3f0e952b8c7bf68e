using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Pool.Recovery;

/// <summary>A resize goes on: the header may be larger already, and is never made smaller.</summary>
/// <remarks>
/// <code>
/// the volume is gone                    undone
/// its slot has the size                 done
/// otherwise                             header, slot again: done; whoever uses the volume is waited for
/// </code>
/// </remarks>
sealed class ResizeRule(ImageWork work, Func<ImageResize> resize) : IRecoveryRule
{
    public OperationKind Kind => OperationKind.Resize;

    public async Task<OperationOutcome> EndAsync(JournalRecord.Begun operation)
    {
        if (work.Find(operation.Volume) is not { } volume)
        {
            work.End(operation, OperationOutcome.Undone);
            return OperationOutcome.Undone;
        }
        await resize().ResumeAsync(volume, operation);
        return OperationOutcome.Done;
    }
}
