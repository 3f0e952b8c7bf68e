using OvirtSpm.Node.Roles;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Recovery;

/// <summary>A removal goes on, as its caller wanted; when somebody uses the volume after all, its mark is taken back.</summary>
/// <remarks>
/// <code>
/// the LV is gone               done
/// marked, no map names it      removed, done
/// marked, in use somewhere     the mark is taken back, undone: as the removal itself would have
/// marked, with a child         waits for the child, which goes first; a child that stays keeps it: taken back, undone
/// marked for wiping            zeros again, removed, done; whoever uses it is waited for: part of it may be zeros already
/// not marked                   undone
/// </code>
/// </remarks>
/// <param name="childLeft">As for <see cref="CreateRule"/>.</param>
sealed class RemoveRule(SpmTerm term, VolumeRemoval removal, OperationKind kind = OperationKind.Remove, Func<Guid, Task>? childLeft = null, Func<VolumeInfo, IDisposable>? locks = null) : IRecoveryRule
{
    public OperationKind Kind => kind;

    public async Task<OperationOutcome> EndAsync(JournalRecord.Begun operation)
    {
        var volume = term.Volumes.Find(operation.Volume);
        if (volume is not null && volume.Tags.Removal != RemovalMark.None)
        {
            // Volumes that were to go together, as a chain that was moved: never the parent before what is read through it.
            var children = ImageChain.ChildrenOf(volume.Uuid, term.Volumes.View().Volumes);
            if (children.Any(child => child.Tags.Removal != RemovalMark.None))
            {
                throw Refusal.Unavailable($"volume {volume.Name} goes when {children[0].Name} is gone, which is read through it.");
            }
            using var locked = locks?.Invoke(volume);
            if (!children.IsEmpty)
            {
                await removal.KeepAsync(volume, operation);
                return OperationOutcome.Undone;
            }
            var ended = await removal.ResumeAsync(volume, operation);
            await (childLeft?.Invoke(volume.Parent) ?? Task.CompletedTask);
            return ended;
        }
        var outcome = volume is null ? OperationOutcome.Done : OperationOutcome.Undone;
        term.Journal.Later(new JournalRecord.Ended(operation.Operation, outcome));
        return outcome;
    }
}
