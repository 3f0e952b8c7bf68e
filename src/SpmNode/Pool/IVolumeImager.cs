using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool;

/// <summary>The image below, as a header names it.</summary>
sealed record ParentName(string Volume, VolumeFormat Format);

/// <summary>Port: fills extents that a volume was just given.</summary>
interface IVolumeImager
{
    /// <summary>Makes an empty qcow2 image inside these extents. There is no qcow2 writer of ours: qemu-img does it.</summary>
    /// <param name="mayWrite">R13: asked before every write.</param>
    /// <param name="parent">What the header names as the image below; nothing looks at it.</param>
    /// <exception cref="Refusal">qemu-img is missing or failed, or writing was no longer allowed.</exception>
    Task CreateCowAsync(
        string volume, IReadOnlyList<SegmentReply> segments, long virtualSizeBytes, Func<bool> mayWrite, ParentName? parent = null);

    /// <summary>The tools that work on what is in an image already.</summary>
    IImageTool Content => throw Refusal.Unavailable("this program has no tools for the content of images.");

    /// <summary>The tools that bring contents in and out.</summary>
    IImageTransfer Transfer => throw Refusal.Unavailable("this program has no tools for images outside the pool.");

    /// <summary>Makes the extents read as zeros, at most 32 MiB a step (R13).</summary>
    /// <param name="done">Told the bytes of each step.</param>
    Task ZeroAsync(IReadOnlyList<SegmentReply> segments, Func<bool> mayWrite, Action<long>? done = null);

    /// <summary>Tells the devices that nobody needs these extents' contents any more, at most 32 MiB a step (R13).</summary>
    /// <param name="done">Told the bytes of each step.</param>
    /// <returns>Devices that take no discards, by their names.</returns>
    Task<IReadOnlyList<string>> DiscardAsync(IReadOnlyList<SegmentReply> segments, Func<bool> mayWrite, Action<long>? done = null);
}
