using OvirtSpm.Node.Roles;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Pool.Recovery;

/// <summary>A creation is taken back: nobody was told of the volume, and only its caller knows whether it is still wanted.</summary>
/// <remarks>
/// <code>
/// the LV is gone                         undone
/// it carries OVIRT_VOL_INITIALIZING      removed once no activation map names its slot (R10, R13: a write of its image may be on its way), undone
/// it does not                            done: the commit of the final tags took effect
/// </code>
/// </remarks>
/// <param name="tidy">Called when one was taken back: it may have been a snapshot, whose parent is a leaf again.</param>
sealed class CreateRule(SpmTerm term, VolumeRemoval removal, Func<Task> tidy) : IRecoveryRule
{
    public OperationKind Kind => OperationKind.Create;

    public async Task<OperationOutcome> EndAsync(JournalRecord.Begun operation)
    {
        var volume = term.Volumes.Find(operation.Volume);
        if (volume?.Tags.Initializing == true)
        {
            await removal.RemoveLeftoverAsync(volume);
            await tidy();
            return OperationOutcome.Undone;
        }
        var outcome = volume is null ? OperationOutcome.Undone : OperationOutcome.Done;
        term.Journal.Later(new JournalRecord.Ended(operation.Operation, outcome));
        return outcome;
    }
}
