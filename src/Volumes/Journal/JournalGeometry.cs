using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Volumes.Journal;

/// <summary>The journal's region: a ring of segments, each a header sector and then blocks of whole sectors, one behind the other.</summary>
/// <param name="Region">Where it lies; offsets of segments count from there.</param>
public sealed record JournalGeometry(Region Region, int SectorSize)
{
    /// <summary>
    /// Large enough for a whole batch beside the largest state that is carried over, small enough that a successor reads it in one go.
    /// </summary>
    public const int SegmentBytes = 2 << 20;

    public int Segments => (int)(Region.SizeBytes / SegmentBytes);

    /// <summary>Most bytes of one block.</summary>
    public int MaximumBlockBytes => SegmentBytes - SectorSize;

    public long OffsetOf(int segment) => Region.OffsetBytes + ((long)segment * SegmentBytes);

    /// <summary>The place in the ring follows from the number.</summary>
    public int IndexOf(ulong sequence) => (int)((sequence - 1) % (ulong)Segments);

    public int RoundUp(int bytes) => (bytes + SectorSize - 1) / SectorSize * SectorSize;
}
