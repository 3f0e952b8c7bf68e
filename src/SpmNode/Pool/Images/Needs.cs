using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>What a disk needs as a volume, by oVirt's rules for block storage.</summary>
static class Needs
{
    /// <param name="contentBytes">What a qcow2 of its content has, as qemu-img measures it.</param>
    public static MeasureReply Of(long capacityBytes, long contentBytes, GrowthPolicy policy, long extentBytes)
    {
        var capacity = CowSizes.RoundCapacity(capacityBytes);
        return new MeasureReply(
            capacityBytes, contentBytes,
            CowSizes.OptimalBytes(contentBytes, capacity, isLeaf: true, policy.MinimumChunkBytes, extentBytes),
            CowSizes.OptimalBytes(contentBytes, capacity, isLeaf: false, policy.MinimumChunkBytes, extentBytes),
            CowSizes.MaximumBytes(capacity, extentBytes),
            CowSizes.RawBytes(capacityBytes, extentBytes));
    }
}
