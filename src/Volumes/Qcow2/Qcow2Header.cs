namespace OvirtSpm.Volumes.Qcow2;

/// <summary>The header of a qcow2 image, checked in itself: every value is one that a qcow2 can have.</summary>
/// <remarks>
/// Big-endian.
/// <code>
///  0 u32 magic "QFI\xfb"        4 u32 version (2, 3)        8 u64 backing name offset   16 u32 backing name length
/// 20 u32 cluster bits (9…21)   24 u64 virtual size         32 u32 encryption           36 u32 L1 entries
/// 40 u64 L1 offset             48 u64 refcount table       56 u32 its clusters         60 u32 snapshots
/// 64 u64 snapshot table        version 3 only: 72 u64 incompatible · 80 u64 compatible · 88 u64 autoclear features
/// 96 u32 refcount order       100 u32 header length       104 u8 compression type, if the header is longer than 104
/// </code>
/// Source: docs/interop/qcow2.txt of QEMU.
/// </remarks>
public sealed record Qcow2Header
{
    /// <summary>What is read first: the header of any cluster size with the extensions QEMU writes.</summary>
    public const int FirstReadBytes = 4096;

    public required int Version { get; init; }

    public required int HeaderLengthBytes { get; init; }

    public required int ClusterBits { get; init; }

    public required long VirtualSizeBytes { get; init; }

    public required Qcow2Encryption Encryption { get; init; }

    public required Qcow2Compression Compression { get; init; }

    public required long BackingNameOffset { get; init; }

    public required int BackingNameLength { get; init; }

    public required long L1Offset { get; init; }

    public required int L1Entries { get; init; }

    public required long RefcountTableOffset { get; init; }

    public required int RefcountTableClusters { get; init; }

    public required int RefcountOrder { get; init; }

    public required int Snapshots { get; init; }

    public required long SnapshotTableOffset { get; init; }

    public required Qcow2Incompatible Incompatible { get; init; }

    public required Qcow2Compatible Compatible { get; init; }

    public required Qcow2Autoclear Autoclear { get; init; }

    public int ClusterBytes => 1 << ClusterBits;

    public int RefcountBits => 1 << RefcountOrder;

    public bool IsDirty => Incompatible.HasFlag(Qcow2Incompatible.Dirty);

    public bool IsCorrupt => Incompatible.HasFlag(Qcow2Incompatible.Corrupt);

    public bool HasDataFile => Incompatible.HasFlag(Qcow2Incompatible.DataFile);

    public bool HasExtendedL2 => Incompatible.HasFlag(Qcow2Incompatible.ExtendedL2);

    public int L2EntryBytes => HasExtendedL2 ? 16 : 8;

    public int L2Entries => ClusterBytes / L2EntryBytes;

    /// <summary>Virtual bytes that one L2 table maps.</summary>
    public long L2CoverageBytes => (long)L2Entries << ClusterBits;

    /// <summary>L1 entries that the virtual size needs; the table may have more, for a snapshot's state of the machine.</summary>
    public long NeededL1Entries => (VirtualSizeBytes / L2CoverageBytes) + (VirtualSizeBytes % L2CoverageBytes == 0 ? 0 : 1);

    public long L1Bytes => L1Entries * 8L;

    public long RefcountTableBytes => (long)RefcountTableClusters << ClusterBits;

    /// <summary>Clusters that one refcount block counts.</summary>
    public long RefcountBlockEntries => ClusterBytes * 8L / RefcountBits;

    public bool IsOnCluster(long offsetBytes) => (offsetBytes & (ClusterBytes - 1)) == 0;

    /// <summary>Clusters that so many bytes touch.</summary>
    public long ClustersOf(long bytes) => (bytes >> ClusterBits) + (IsOnCluster(bytes) ? 0 : 1);
}
