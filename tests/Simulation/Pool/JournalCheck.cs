using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Simulation.Pool;

/// <summary>R18: an epoch begins its log in no segment that an epoch before it was in, or could still be writing; and nothing late lands there.</summary>
internal sealed class JournalCheck(JournalPlace place)
{
    /// <summary>The first and the last segment of each epoch.</summary>
    private readonly Dictionary<ulong, (ulong First, ulong Last)> logs = [];

    /// <returns>What is wrong, null for nothing.</returns>
    public string? Landed(long offset, ReadOnlySpan<byte> bytes)
    {
        var inside = offset - place.OffsetBytes - place.Geometry.Region.OffsetBytes;
        if (inside < 0 || inside >= place.Geometry.Region.SizeBytes || inside % JournalGeometry.SegmentBytes != 0 || bytes.Length < place.Geometry.SectorSize)
        {
            return null;
        }

        var index = (int)(inside / JournalGeometry.SegmentBytes);
        if (SegmentHeader.TryParse(bytes[..place.Geometry.SectorSize], place.Pool, index, out var header) != RecordError.None)
        {
            return null; // torn: nobody reads it for anything
        }

        var (epoch, sequence) = (header!.Epoch, header.Sequence);
        foreach (var (other, log) in logs)
        {
            // What an earlier epoch may go on in is its own, too; a later one would write over what landed late.
            var end = other < epoch && header.BeginsEpoch ? log.Last + 1 : log.Last;
            if (other != epoch && sequence >= log.First && sequence <= end)
            {
                return $"R18: segment {sequence} of epoch {epoch} lands in the log of epoch {other}, segments {log.First} to {log.Last}";
            }
        }

        logs[epoch] = logs.TryGetValue(epoch, out var known) ? (known.First, Math.Max(known.Last, sequence)) : (sequence, sequence);
        return null;
    }
}
