using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Simulation.Pool;

/// <summary>Where what lies on the LUN.</summary>
internal sealed class PoolPlaces
{
    private readonly MetadataCheck metadata;
    private readonly (long Start, long End) slots;
    private readonly (long Start, long End) journal;
    private readonly (long Start, long End) records;
    private readonly long idsEnd;

    public PoolPlaces(PoolDomain domain, MetadataCheck metadata)
    {
        this.metadata = metadata;
        SpmLease = StartOf("leases") + domain.SpmLeaseOffset;
        SpmLeaseEnd = SpmLease + domain.Geometry.AlignBytes;
        Ids = StartOf("ids");
        idsEnd = Ids + domain.Geometry.AlignBytes;
        Spm = StartOf("spm");
        slots = (StartOf("metadata"), StartOf("metadata") + domain.Group.Find("metadata")!.SizeBytes);
        records = (Spm, Spm + SpmLayout.VolumeBytes);
        journal = (Spm + domain.Layout.Journal.OffsetBytes, Spm + domain.Layout.Journal.OffsetBytes + domain.Layout.Journal.SizeBytes);

        long StartOf(string volume) => domain.Group.PhysicalVolumes[0].ExtentStartBytes
            + (domain.Group.Find(volume)!.Segments[0].Areas[0].StartExtent * domain.Group.ExtentSizeBytes);
    }

    /// <summary>The leader record of the SPM lease; the votes follow.</summary>
    public long SpmLease { get; }

    public long SpmLeaseEnd { get; }

    public long Ids { get; }

    public long Spm { get; }

    public bool IsVote(long offset) => offset > SpmLease && offset < SpmLeaseEnd;

    public bool IsHostId(long offset) => offset >= Ids && offset < idsEnd;

    public AimedAt? KindOf(long offset) =>
        metadata.IsMetadata(offset) ? AimedAt.Commit
        : offset >= SpmLease && offset < SpmLeaseEnd ? AimedAt.Ballot
        : Holds(slots, offset) || Holds(records, offset) ? AimedAt.Records
        : null;

    /// <summary>What only the SPM writes: the volume group, slots, the journal.</summary>
    public bool IsOfTerm(long offset) => metadata.IsMetadata(offset) || Holds(slots, offset) || Holds(journal, offset);

    private static bool Holds((long Start, long End) range, long offset) => offset >= range.Start && offset < range.End;
}
