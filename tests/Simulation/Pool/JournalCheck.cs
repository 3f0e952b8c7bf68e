using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Simulation.Pool;

/// <summary>R18: an epoch begins its log in no segment that its predecessor was in, or could still be writing.</summary>
internal sealed class JournalCheck(JournalPlace place)
{
    private ulong epoch;
    private ulong highest;

    /// <returns>What is wrong, null for nothing.</returns>
    public string? Landed(long offset, ReadOnlySpan<byte> bytes)
    {
        var inside = offset - place.OffsetBytes - place.Geometry.Region.OffsetBytes;
        if (inside < 0 || inside >= place.Geometry.Region.SizeBytes || inside % JournalGeometry.SegmentBytes != 0 || bytes.Length < place.Geometry.SectorSize)
        {
            return null;
        }

        var index = (int)(inside / JournalGeometry.SegmentBytes);
        if (SegmentHeader.TryParse(bytes[..place.Geometry.SectorSize], place.Pool, index, out var header) != RecordError.None || header!.Epoch < epoch)
        {
            return null; // torn, or late: nobody reads it for anything
        }

        if (header.Epoch > epoch && highest > 0 && header.Sequence < highest + 2)
        {
            return $"R18: epoch {header.Epoch} begins its log in segment {header.Sequence}, its predecessor was in {highest}";
        }

        (epoch, highest) = (header.Epoch, Math.Max(highest, header.Sequence));
        return null;
    }
}
