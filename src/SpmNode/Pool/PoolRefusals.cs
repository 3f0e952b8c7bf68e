using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Pool;

/// <summary>What did not happen in the pool, in words.</summary>
static class PoolRefusals
{
    /// <param name="what">What was not done, e.g. "volume X was not extended".</param>
    public static Refusal Of(PoolResult result, string what, VolumeGroup group) => result switch
    {
        PoolResult.Refused { Edit: EditOutcome.NoSpace { KeptExtents: > 0 } none } => Refusal.NoSpace(
            $"{what}: {SizeText.Format(none.NeededExtents * group.ExtentSizeBytes)} are needed, and of {SizeText.Format((none.FreeExtents + none.KeptExtents) * group.ExtentSizeBytes)} free " +
            $"{SizeText.Format(none.KeptExtents * group.ExtentSizeBytes)} are kept for running guests. Delete volumes, add a device, or lower the reserve with 'spm domain set --reserve'."),
        PoolResult.Refused { Edit: EditOutcome.NoSpace none } => Refusal.NoSpace(
            $"{what}: the pool is full. {SizeText.Format(none.NeededExtents * group.ExtentSizeBytes)} are needed, " +
            $"{SizeText.Format(none.FreeExtents * group.ExtentSizeBytes)} are free. Delete volumes or add a device."),
        PoolResult.Refused { Edit: EditOutcome.Exists exists } => Refusal.Conflict($"{what}: there is a volume {exists.Name} already."),
        PoolResult.Refused { Edit: EditOutcome.NotFound missing } => Refusal.NotFound($"{what}: {missing.Name} is gone."),
        PoolResult.Refused { Edit: EditOutcome.Refused refused } => Refusal.Conflict($"{what}: {refused.Reason}"),
        PoolResult.NotIssued not => Refusal.NotLeader($"{what}: {not.Why}. Nothing was written; ask the SPM of now."),
        PoolResult.Unknown unknown => Refusal.Unknown($"{what}, as far as is known: {unknown.Why}. It may still take effect; asking again is harmless."),
        _ => throw new InvalidOperationException($"{result} is no refusal"),
    };
}
