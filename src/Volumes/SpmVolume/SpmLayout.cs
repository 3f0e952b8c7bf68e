using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Volumes.SpmVolume;

/// <summary>Where everything lies in the LV <c>spm</c>. Offsets from the start of the LV.</summary>
/// <remarks>
/// <code>
///   0          superblock, one sector             64 KiB   the same once more
///   1 MiB      host records, first copies         host h in sector h − 1
///   2 MiB      host records, second copies        host h in sector h − 1
///   4 MiB      activation maps                    512-byte sectors: host h in sectors 2(h − 1), 2(h − 1) + 1; 4096: in sector h − 1
///   16 MiB     journal, 96 MiB                    place and size only
///   112 MiB    not used
/// </code>
/// The two copies of a host's record are a mebibyte apart: a disk that stores 4096-byte blocks behind 512-byte sectors
/// rewrites seven neighbours with each sector, and a power failure in the middle of that must not take both copies.
/// </remarks>
public sealed record SpmLayout
{
    public const long VolumeBytes = 128L << 20;
    public const long SuperblockOffsetBytes = 0;
    public const long SuperblockCopyOffsetBytes = 64L << 10;

    /// <summary>Host ids 1 to this have a record and a map.</summary>
    public const int Hosts = DomainLimits.MaximumHostId;

    private const long MiB = 1L << 20;

    public SpmLayout(int sectorSize, Region hostRecordsFirst, Region hostRecordsSecond, Region activationMaps, Region journal)
    {
        if (sectorSize is not (512 or 4096))
        {
            throw new ArgumentOutOfRangeException(nameof(sectorSize), sectorSize, "sectors are 512 or 4096 bytes");
        }

        SectorSize = sectorSize;
        HostRecordsFirst = hostRecordsFirst;
        HostRecordsSecond = hostRecordsSecond;
        ActivationMaps = activationMaps;
        Journal = journal;
    }

    public int SectorSize { get; }

    public Region HostRecordsFirst { get; }

    public Region HostRecordsSecond { get; }

    public Region ActivationMaps { get; }

    public Region Journal { get; }

    /// <summary>Sectors of one host's activation map, each of which stands by itself.</summary>
    public int MapParts => SectorSize == 512 ? 2 : 1;

    /// <summary>Bytes of the two host record regions that hold records, from the start of each.</summary>
    public int HostRecordBytes => Hosts * SectorSize;

    /// <summary>Bytes of the map region that hold maps, from its start.</summary>
    public int ActivationMapBytes => Hosts * MapParts * SectorSize;

    /// <summary>The layout a new domain gets.</summary>
    public static SpmLayout Create(int sectorSize) => new(
        sectorSize, new Region(1 * MiB, MiB), new Region(2 * MiB, MiB), new Region(4 * MiB, 2 * MiB), new Region(16 * MiB, 96 * MiB));

    /// <param name="copy">0 or 1.</param>
    public long HostRecordOffsetBytes(int host, int copy)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)copy, 1u);
        return (copy == 0 ? HostRecordsFirst : HostRecordsSecond).OffsetBytes + (long)(Checked(host) - 1) * SectorSize;
    }

    /// <param name="part">0, or 1 on 512-byte sectors.</param>
    public long MapOffsetBytes(int host, int part)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)part, (uint)MapParts);
        return ActivationMaps.OffsetBytes + ((long)(Checked(host) - 1) * MapParts + part) * SectorSize;
    }

    public static bool IsHost(int host) => host is >= 1 and <= Hosts;

    private static int Checked(int host) =>
        IsHost(host) ? host : throw new ArgumentOutOfRangeException(nameof(host), host, $"host ids are 1 to {Hosts}");
}
