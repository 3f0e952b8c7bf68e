using System.Collections.Immutable;

namespace OvirtSpm.Volumes.Domain;

/// <summary>The special logical volumes of a domain, in the order in which they are created.</summary>
/// <remarks>
/// <code>
/// LV        nominal          extents  zeroed at creation
/// metadata  128 MiB           1       first 17 MiB (all 2,047 slots, and oVirt's older slot area before them)
/// ids       8 MiB             1       written by the lockspace's initialisation
/// inbox     16 MiB            1       250 boxes of 4096 bytes
/// outbox    16 MiB            1       250 boxes of 4096 bytes
/// leases    2048 × alignment  16      written lease by lease
/// xleases   1024 × alignment  8       first 3 areas (lockspace, index, internal): never read as an index by accident
/// master    1 GiB             8       first MiB: no file system of a former owner is found there
/// spm       128 MiB           1       all of it; ours, unknown to oVirt
/// </code>
/// 37 extents, 4.625 GiB. Source: oVirt's block domain, version 5.
/// </remarks>
public static class SpecialVolumes
{
    private const long MiB = 1L << 20;

    public static readonly SpecialVolume Metadata = new("metadata", 128 * MiB, 17 * MiB, "volume slots");
    public static readonly SpecialVolume Ids = new("ids", 8 * MiB, 0, "host id leases");
    public static readonly SpecialVolume Inbox = new("inbox", 16 * MiB, 4096 * DomainLimits.MaximumHostId, "requests to the SPM");
    public static readonly SpecialVolume Outbox = new("outbox", 16 * MiB, 4096 * DomainLimits.MaximumHostId, "answers of the SPM");
    public static readonly SpecialVolume Leases = new("leases", DomainLimits.LeaseSlots * DomainLimits.AlignmentBytes, 0, "SPM lease and one lease per volume");
    public static readonly SpecialVolume ExternalLeases = new("xleases", 1024 * DomainLimits.AlignmentBytes, 3 * DomainLimits.AlignmentBytes, "leases of virtual machines");
    public static readonly SpecialVolume Master = new("master", 1024 * MiB, MiB, "oVirt's task files");
    public static readonly SpecialVolume Spm = new("spm", 128 * MiB, 128 * MiB, "superblock, host records, activation maps, journal");

    /// <summary>
    /// Creation order. <c>metadata</c> is first because it must start at extent 0 of the physical volume that holds the
    /// metadata areas: oVirt refuses a domain in which it does not.
    /// </summary>
    public static readonly ImmutableArray<SpecialVolume> InCreationOrder =
        [Metadata, Ids, Inbox, Outbox, Leases, ExternalLeases, Master, Spm];

    public static int TotalExtents => InCreationOrder.Sum(volume => volume.Extents);

    public static bool IsSpecial(string lvName) => InCreationOrder.Any(volume => volume.Name == lvName);
}
