using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Storage;

/// <summary>Images of one block: the parent's name, the size, and sixteen cells of which each is written or not. Every step is a write of its own.</summary>
sealed class CellImages(ILun lun) : IImageTool
{
    const int Cells = 64, Count = 16, Size = 16;

    public async Task WriteAsync(ImageLayer image, int cell, byte value) => await ChangeAsync(image.Segments, block => block[Cells + cell] = value);

    /// <summary>What a chain reads as, by its slots; the headers must name the same.</summary>
    public async Task<byte[]> ReadAsync(IReadOnlyList<ImageLayer> chain)
    {
        var cells = new byte[Count];
        foreach (var (layer, below) in chain.Zip(chain.Skip(1).Select(layer => Guid.Parse(layer.Volume)).Append(Guid.Empty)))
        {
            var block = await BlockAsync(layer.Segments);
            Assert.Equal(below, new Guid(block.AsSpan(0, 16)));
            for (var cell = 0; cell < Count; cell++)
            {
                cells[cell] = cells[cell] == 0 ? block[Cells + cell] : cells[cell];
            }
        }
        return cells;
    }

    public async Task<long> SizeAsync(ImageLayer image) => BitConverter.ToInt64(await BlockAsync(image.Segments), Size);

    public Task NameAsync(IReadOnlyList<SegmentReply> segments, Guid parent) => ChangeAsync(segments, block => parent.TryWriteBytes(block));

    public Task<long> MeasureAsync(IReadOnlyList<ImageLayer> chain, VolumeFormat target, CancellationToken stop) => Task.FromResult(200L << 20);

    public Task<long> EndOffsetAsync(ImageLayer image, CancellationToken stop) => Task.FromResult(4096L);

    public async Task CommitAsync(IReadOnlyList<ImageLayer> chain, Func<bool> mayWrite, IProgress<double> progress, CancellationToken stop)
    {
        var top = await BlockAsync(chain[0].Segments);
        for (var cell = 0; cell < Count; cell++)
        {
            if (top[Cells + cell] is > 0 and var value)
            {
                await WriteAsync(chain[1], cell, value);
            }
        }
        progress.Report(1);
    }

    public async Task CopyAsync(IReadOnlyList<ImageLayer> chain, ImageLayer target, Func<bool> mayWrite, IProgress<double> progress, CancellationToken stop)
    {
        var cells = await ReadAsync(chain);
        await ChangeAsync(target.Segments, block => cells.CopyTo(block[Cells..]));
    }

    public Task ResizeAsync(ImageLayer image, long capacityBytes, Func<bool> mayWrite, CancellationToken stop) =>
        ChangeAsync(image.Segments, block => BitConverter.TryWriteBytes(block[Size..], capacityBytes));

    public Task NameParentAsync(ImageLayer image, ImageLayer? parent, Func<bool> mayWrite, CancellationToken stop) =>
        NameAsync(image.Segments, parent is null ? Guid.Empty : Guid.Parse(parent.Volume));

    async Task ChangeAsync(IReadOnlyList<SegmentReply> segments, Change change)
    {
        var block = await BlockAsync(segments);
        change(block);
        await lun.Data.WriteAsync(segments[0].PvOffsetBytes, block);
    }

    async Task<byte[]> BlockAsync(IReadOnlyList<SegmentReply> segments)
    {
        var block = new byte[4096];
        await lun.Data.ReadAsync(segments[0].PvOffsetBytes, block);
        return block.AsSpan().SequenceEqual(MarkingImager.Mark) ? new byte[4096] : block;
    }

    delegate void Change(Span<byte> block);
}
