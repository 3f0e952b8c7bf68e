using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Pool.Recovery;

/// <summary>A raw extend goes on from what the slot says; a volume that a guest uses keeps its extents behind its capacity.</summary>
/// <remarks>
/// <code>
/// the volume is gone                    undone
/// its capacity is what was asked for    done: zeros came before it, and what a guest has written since must not be zeroed
/// a guest has it                        undone: the extents stay with the LV, where no guest sees them, and the next extend zeroes them
/// a former SPM's entry is in a map      waits: its zeros may be on their way (R13)
/// otherwise                             LV, zeros, capacity again: done
/// </code>
/// </remarks>
sealed class ExtendRawRule(SpmTerm term, ActivationMaps maps, VolumeExtension extension) : IRecoveryRule
{
    public OperationKind Kind => OperationKind.ExtendRaw;

    public async Task<OperationOutcome> EndAsync(JournalRecord.Begun operation)
    {
        if (term.Volumes.Find(operation.Volume) is not { Slot: { } slot, Tags.Slot: { } number } volume)
        {
            return End(operation, OperationOutcome.Undone);
        }
        if (slot.CapacityBytes >= operation.ToBytes)
        {
            return End(operation, OperationOutcome.Done);
        }
        if ((await maps.ReadAllAsync()).UsersOf(number).Any(user => user.Use is SlotUse.ReadOnly or SlotUse.ReadWrite))
        {
            return End(operation, OperationOutcome.Undone);
        }
        await extension.ResumeRawAsync(volume, operation);
        return OperationOutcome.Done;
    }

    OperationOutcome End(JournalRecord.Begun operation, OperationOutcome outcome)
    {
        term.Journal.Later(new JournalRecord.Ended(operation.Operation, outcome));
        return outcome;
    }
}
