namespace OvirtSpm.Volumes.Sizes;

/// <summary>What to do for a volume that grows.</summary>
/// <param name="TargetBytes">The size its LV is to have: whole extents, absolute, never below what it has. Equal to it: nothing to do.</param>
/// <param name="ThresholdBytes">Where QEMU's write threshold goes once the LV has that size; null at the maximum, where no event is wanted.</param>
public readonly record struct GrowthStep(long TargetBytes, long? ThresholdBytes);
