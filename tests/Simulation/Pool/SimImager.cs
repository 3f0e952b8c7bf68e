using OvirtSpm.Node;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool;

namespace OvirtSpm.Simulation.Pool;

/// <summary>Writes one stamped sector into each new segment where the product would run qemu-img or write zeros.</summary>
internal sealed class SimImager(PoolWorld world, SimLun lun) : IVolumeImager
{
    public Task CreateCowAsync(string volume, IReadOnlyList<SegmentReply> segments, long virtualSizeBytes, Func<bool> mayWrite, ParentName? parent = null) =>
        FillAsync(segments, mayWrite);

    public Task ZeroAsync(IReadOnlyList<SegmentReply> segments, Func<bool> mayWrite, Action<long>? done = null) => FillAsync(segments, mayWrite);

    public async Task<IReadOnlyList<string>> DiscardAsync(IReadOnlyList<SegmentReply> segments, Func<bool> mayWrite, Action<long>? done = null)
    {
        // Whatever a device makes of the contents, to the extents' owner it is a write (C3).
        await FillAsync(segments, mayWrite);
        return [];
    }

    private async Task FillAsync(IReadOnlyList<SegmentReply> segments, Func<bool> mayWrite)
    {
        foreach (var segment in segments)
        {
            if (!mayWrite())
            {
                throw Refusal.NotLeader("this host is not SPM any more");
            }

            var owner = world.Metadata.OwnerOf(segment.PvOffsetBytes) ?? Guid.Empty.ToString();
            await lun.Data.WriteAsync(segment.PvOffsetBytes, Stamp.Format(owner, -1, 0, lun.SectorSize));
        }
    }
}
