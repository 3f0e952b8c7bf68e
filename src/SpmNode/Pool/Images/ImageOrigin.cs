using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>Writes what another domain's volume holds into these extents, and proves that it is there.</summary>
delegate Task FillArrival(IReadOnlyList<SegmentReply> segments, CancellationToken stop);

/// <summary>What a new volume begins with.</summary>
abstract record ImageOrigin
{
    /// <summary>Zeros, or a new empty image.</summary>
    public sealed record Nothing : ImageOrigin;

    /// <summary>Reads as its parent until it is written: a snapshot, or a disk made from a template.</summary>
    public sealed record On(VolumeInfo Parent) : ImageOrigin;

    /// <summary>A copy of what a chain reads as.</summary>
    public sealed record CopyOf(IReadOnlyList<VolumeInfo> Chain) : ImageOrigin;

    /// <summary>What a file outside the pool reads as.</summary>
    public sealed record FileOf(ImageSource Source) : ImageOrigin;

    /// <summary>What somebody sends, piece by piece.</summary>
    public sealed record Sent(Upload Upload) : ImageOrigin;

    /// <summary>Another domain's volume, byte for byte, under the same uuid; not to be used before it is gone from there.</summary>
    public sealed record Arrival(Guid From, MovedVolume Volume, FillArrival Fill) : ImageOrigin;

    /// <summary>Finds what the request names and fills in what it leaves to it.</summary>
    /// <returns>The request with its size and image given.</returns>
    public static (ImageOrigin Origin, CreateVolumeRequest Request) Of(CreateVolumeRequest request, ImageWork work)
    {
        if (request is { Parent: not null, Source: not null })
        {
            throw Refusal.Invalid("a volume begins on a parent or as a copy, not both.");
        }
        if (request.Parent is { } below)
        {
            var parent = Readable(work.Find(below), "cannot be a parent", work)[0];
            if (request.Format != "cow")
            {
                throw Refusal.Invalid("a volume with a parent is 'cow': a raw one has no place to say what differs.");
            }
            var image = parent.Slot!.Image.ToString();
            if (parent.Slot.Role != VolumeRole.Shared && request.Image is not null && request.Image != image)
            {
                throw Refusal.Invalid($"a snapshot belongs to the image of its parent, {image}; only what is made from a template gets an image of its own.");
            }
            var size = Sized(request.VirtualSizeBytes, parent);
            return (new On(parent), request with { VirtualSizeBytes = size, Image = parent.Slot.Role == VolumeRole.Shared ? request.Image : image });
        }
        if (request.Source is { } source)
        {
            var copy = Copy(source, work);
            return (copy, request with { VirtualSizeBytes = Sized(request.VirtualSizeBytes, copy.Chain[0]) });
        }
        return (new Nothing(), request);
    }

    /// <summary>What a volume and its chain read as.</summary>
    public static CopyOf Copy(string reference, ImageWork work) => new(Readable(work.Find(reference), "cannot be copied", work));

    static IReadOnlyList<VolumeInfo> Readable(VolumeInfo volume, string otherwise, ImageWork work)
    {
        var chain = work.Chain(ImageWork.Usable(volume, otherwise));
        foreach (var layer in chain)
        {
            ImageWork.Usable(layer, $"is below {volume.Name} and cannot be read");
        }
        return chain;
    }

    /// <summary>A request for a volume that is filled from outside, with its size given.</summary>
    public static CreateVolumeRequest Filled(CreateVolumeRequest request, ImageOrigin outside) => request is not { Parent: null, Source: null }
        ? throw Refusal.Invalid("a volume is filled from outside, or begins with another volume, not both.")
        : outside switch
        {
            FileOf { Source: var file } => request with { VirtualSizeBytes = Sized(request.VirtualSizeBytes, file.VirtualSizeBytes, file.Name) },
            Sent { Upload: var upload } => request with { VirtualSizeBytes = Sized(request.VirtualSizeBytes, upload.SizeBytes, "the upload") },
            _ => throw new InvalidOperationException("nothing else comes from outside"),
        };

    static long Sized(long asked, VolumeInfo origin) => Sized(asked, origin.Slot!.CapacityBytes, origin.Name);

    static long Sized(long asked, long has, string name) =>
        asked == 0 || asked >= has
            ? Math.Max(asked, has)
            : throw Refusal.Invalid($"{SizeText.Format(asked)} are less than the {SizeText.Format(has)} of {name}: the end of its disk would be lost. Ask for more, or leave the size out.");

    /// <summary>Sees to it that what the new volume begins with stays as it is until the volume is finished.</summary>
    public async Task<IAsyncDisposable> KeepAsync(ImageWork work)
    {
        var (locked, writable) = this switch
        {
            // A volume that has children is written by nobody; one that has none yet may be active for writing at this moment.
            On { Parent: var parent } when parent.Slot!.Role == VolumeRole.Shared => (work.Locks.Share([parent.Uuid]), []),
            On { Parent: var parent } => (work.Locks.Take([parent.Uuid]), work.ChildrenOf(parent).Count == 0 ? [parent] : Array.Empty<VolumeInfo>()),
            CopyOf { Chain: var chain } => (
                work.Locks.Share(chain.Select(volume => volume.Uuid)),
                chain[0].Slot!.Role == VolumeRole.Shared || work.ChildrenOf(chain[0]).Count > 0 ? [] : [chain[0]]),
            _ => (work.Locks.Share([]), []),
        };
        try
        {
            return new Kept(locked, writable.Length > 0 ? await work.HoldAsync(writable) : null);
        }
        catch
        {
            locked.Dispose();
            throw;
        }
    }

    /// <summary>Under the locks: what it begins with may have been merged or deleted since it was looked up.</summary>
    public void Recheck(ImageWork work)
    {
        IReadOnlyList<VolumeInfo> chain = this switch
        {
            On { Parent: var parent } => [parent],
            CopyOf { Chain: var copied } => copied,
            _ => [],
        };
        foreach (var (layer, below) in chain.Zip(chain.Skip(1).Select(lower => (Guid?)lower.Uuid).Append(null)))
        {
            var now = ImageWork.Usable(work.Find(layer.Name), "cannot be begun with");
            if (below is not null && now.Parent != below)
            {
                throw Refusal.Conflict($"the chain of volume {chain[0].Name} changed just now; ask again.");
            }
        }
    }

    sealed class Kept(IDisposable locked, IAsyncDisposable? hold) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            using (locked)
            {
                await (hold?.DisposeAsync() ?? ValueTask.CompletedTask);
            }
        }
    }
}
