using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>Every way a commit ends.</summary>
public abstract record CommitOutcome
{
    private CommitOutcome()
    {
    }

    /// <summary>Durable in every used copy, and the deadline still held afterwards (R1).</summary>
    public sealed record Committed(VolumeGroup Group) : CommitOutcome;

    /// <summary>Provably no byte was written.</summary>
    public sealed record NotIssued(string Reason) : CommitOutcome;

    /// <summary>Some byte was issued, then the write failed or the deadline passed: it may or may not take effect. R6: this store writes no more in this epoch.</summary>
    public sealed record Unknown(string Reason) : CommitOutcome;

    /// <summary>Somebody else changed the metadata. Nothing of ours took effect; see <see cref="MetadataStore.AdoptForeignAsync"/>.</summary>
    public sealed record ForeignWrite(string Found) : CommitOutcome;
}
