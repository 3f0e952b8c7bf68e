namespace OvirtSpm.LvmMetadata.Model;

/// <summary>Which of two texts is newer: first the epoch of its writer, then the sequence number.</summary>
/// <param name="Epoch">Version of the lease the writer held; 0 for a text of no epoch (stock lvm2's own group).</param>
/// <param name="Seqno">LVM's own counter, the only order stock lvm2 knows (R3 keeps both orders the same).</param>
public readonly record struct MetadataVersion(ulong Epoch, uint Seqno) : IComparable<MetadataVersion>
{
    public int CompareTo(MetadataVersion other) =>
        Epoch != other.Epoch ? Epoch.CompareTo(other.Epoch) : Seqno.CompareTo(other.Seqno);

    public static bool operator <(MetadataVersion left, MetadataVersion right) => left.CompareTo(right) < 0;

    public static bool operator >(MetadataVersion left, MetadataVersion right) => left.CompareTo(right) > 0;

    public static bool operator <=(MetadataVersion left, MetadataVersion right) => left.CompareTo(right) <= 0;

    public static bool operator >=(MetadataVersion left, MetadataVersion right) => left.CompareTo(right) >= 0;

    public override string ToString() => $"epoch {Epoch} seqno {Seqno}";
}
