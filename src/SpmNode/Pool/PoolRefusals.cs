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
            $"{SizeText.Format(none.KeptExtents * group.ExtentSizeBytes)} are kept for running guests{Elsewhere(none, group)}. Delete volumes, add a device, or lower the reserve with 'spm domain set --reserve'."),
        PoolResult.Refused { Edit: EditOutcome.NoSpace none } => Refusal.NoSpace(
            $"{what}: the pool is full. {SizeText.Format(none.NeededExtents * group.ExtentSizeBytes)} are needed, " +
            $"{SizeText.Format(none.FreeExtents * group.ExtentSizeBytes)} are free{Elsewhere(none, group)}. Delete volumes or add a device."),
        PoolResult.Refused { Edit: EditOutcome.Exists exists } => Refusal.Conflict($"{what}: there is a volume {exists.Name} already."),
        PoolResult.Refused { Edit: EditOutcome.NotFound missing } => Refusal.NotFound($"{what}: {missing.Name} is gone."),
        PoolResult.Refused { Edit: EditOutcome.Refused refused } => Refusal.Conflict($"{what}: {refused.Reason}"),
        PoolResult.NotIssued not => Refusal.NotLeader($"{what}: {not.Why}. Nothing was written; ask the SPM of now."),
        PoolResult.Unknown unknown => Refusal.Unknown($"{what}, as far as is known: {unknown.Why}. It may still take effect; asking again is harmless."),
        _ => throw new InvalidOperationException($"{result} is no refusal"),
    };

    /// <summary>With what else is free, on devices that not both of this host and the one that asks see: it is not given.</summary>
    static string Elsewhere(EditOutcome.NoSpace none, VolumeGroup group) =>
        group.PhysicalVolumes.Length > 1 && group.FreeExtents - none.FreeExtents - none.KeptExtents is > 0 and var more
            ? $"; {SizeText.Format(more * group.ExtentSizeBytes)} more lie on devices that are not seen, and are not given"
            : "";
}
