using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Pool;

/// <summary>Port: fills extents that a volume was just given.</summary>
interface IVolumeImager
{
    /// <summary>Makes an empty qcow2 image inside these extents. There is no qcow2 writer of ours: qemu-img does it.</summary>
    /// <param name="mayWrite">R13: asked before every write.</param>
    /// <exception cref="Refusal">qemu-img is missing or failed, or writing was no longer allowed.</exception>
    Task CreateCowAsync(string volume, IReadOnlyList<SegmentReply> segments, long virtualSizeBytes, Func<bool> mayWrite);

    /// <summary>Makes the extents read as zeros, at most 32 MiB a step (R13).</summary>
    Task ZeroAsync(IReadOnlyList<SegmentReply> segments, Func<bool> mayWrite);
}
