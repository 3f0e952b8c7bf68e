using System.Buffers;
using System.Collections.Immutable;
using OvirtSpm.LvmMetadata;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Storage;

/// <summary>Where a journal lies on a device, and reading it.</summary>
/// <param name="OffsetBytes">Of the volume that holds the journal's region.</param>
sealed record JournalPlace(IPvArea Pv, long OffsetBytes, JournalGeometry Geometry, Guid Pool)
{
    public static JournalPlace Of(PoolDomain domain) => new(
        domain.Lun.Metadata, domain.SpmOffset, new JournalGeometry(domain.Layout.Journal, domain.Lun.SectorSize), domain.Superblock.Pool);

    /// <param name="text">The metadata that is chosen: it decides whether the log's last commit took effect. Null when none can be read.</param>
    /// <exception cref="IOException">The device failed.</exception>
    public async ValueTask<JournalReading> ReadAsync(VolumeGroup? text)
    {
        var glances = ImmutableArray.CreateBuilder<SegmentGlance>(Geometry.Segments);
        for (var index = 0; index < Geometry.Segments; index++)
        {
            var sector = new byte[Geometry.SectorSize];
            await Pv.ReadAsync(OffsetBytes + Geometry.OffsetOf(index), sector);
            var error = SegmentHeader.TryParse(sector, Pool, index, out var header);
            glances.Add(new SegmentGlance(index, header, error));
        }
        var segment = ArrayPool<byte>.Shared.Rent(JournalGeometry.SegmentBytes);
        var reading = await JournalReading.ReadAsync(
            Geometry, glances.MoveToImmutable(), index => ReadSegmentAsync(index, segment.AsMemory(0, JournalGeometry.SegmentBytes)), block => TookEffect(text, block));
        // Not after a failure: whoever gave up on a read does not know whether the device is done with the memory.
        ArrayPool<byte>.Shared.Return(segment);
        return reading;
    }

    async ValueTask<ReadOnlyMemory<byte>> ReadSegmentAsync(int index, Memory<byte> bytes)
    {
        await Pv.ReadAsync(OffsetBytes + Geometry.OffsetOf(index), bytes);
        return bytes;
    }

    /// <summary>R24: the successor decides from the text.</summary>
    /// <remarks>
    /// A text of ours with this number is this commit's: an epoch has one writer, and a block whose commit failed is overwritten by the next
    /// attempt. A foreign text with the same number was put where ours would have gone.
    /// </remarks>
    static bool TookEffect(VolumeGroup? text, JournalBlock block)
    {
        var version = new MetadataVersion(block.Position.Epoch, block.Commit!.Value.Seqno);
        return text is not null && (text.Version > version || (text.Version == version && text.HasTripwire));
    }
}
