using System.Numerics;

namespace OvirtSpm.Leases.OnDisk;

/// <summary>Where things lie inside one lockspace or one resource.</summary>
/// <remarks>
/// <code>
/// sector  area   hosts  flag        lockspace: sector N − 1 belongs to host id N
///   512   1 MiB   2000  0x10        resource:  sector 0 leader, 1 request, 1 + N vote of host id N
///  4096   1 MiB    250  0x10
///  4096   2 MiB    500  0x20
///  4096   4 MiB   1000  0x40
///  4096   8 MiB   2000  0x80
/// </code>
/// Source: sanlock 3.8.5, sanlock.8 and align sizes measured with "direct init".
/// </remarks>
public readonly record struct LeaseGeometry
{
    private const int MiB = 1 << 20;

    private LeaseGeometry(int sectorSize, int alignBytes, int maxHosts, LeaderFlags alignFlag)
    {
        (SectorSize, AlignBytes, MaxHosts, AlignFlag) = (sectorSize, alignBytes, maxHosts, alignFlag);
    }

    public int SectorSize { get; }

    /// <summary>Size of one lockspace or one resource.</summary>
    public int AlignBytes { get; }

    public int MaxHosts { get; }

    public LeaderFlags AlignFlag { get; }

    /// <exception cref="ArgumentException">The pair is none of the five of the format.</exception>
    public static LeaseGeometry For(int sectorSize, int alignBytes) => TryFor(sectorSize, alignBytes, out var geometry)
        ? geometry
        : throw new ArgumentException($"sector size {sectorSize} with areas of {alignBytes} bytes is no lease geometry; "
            + "use 512 with 1 MiB, or 4096 with 1, 2, 4 or 8 MiB");

    public static bool TryFor(int sectorSize, int alignBytes, out LeaseGeometry geometry)
    {
        geometry = (sectorSize, alignBytes) switch
        {
            (512, MiB) => new(512, MiB, 2000, LeaderFlags.Align1M),
            (4096, MiB) => new(4096, MiB, 250, LeaderFlags.Align1M),
            (4096, 2 * MiB) => new(4096, 2 * MiB, 500, LeaderFlags.Align2M),
            (4096, 4 * MiB) => new(4096, 4 * MiB, 1000, LeaderFlags.Align4M),
            (4096, 8 * MiB) => new(4096, 8 * MiB, 2000, LeaderFlags.Align8M),
            _ => default,
        };
        return geometry.SectorSize != 0;
    }

    /// <summary>The geometry a leader record states; without an align flag (minor versions below 4) 512 means 1 MiB and 4096 means 8 MiB.</summary>
    public static bool TryFrom(LeaderRecord leader, out LeaseGeometry geometry)
    {
        var alignBytes = (leader.Flags & LeaderFlags.AlignMask) switch
        {
            LeaderFlags.Align1M => MiB,
            LeaderFlags.Align2M => 2 * MiB,
            LeaderFlags.Align4M => 4 * MiB,
            LeaderFlags.Align8M => 8 * MiB,
            LeaderFlags.None => leader.SectorSize == 512 ? MiB : 8 * MiB,
            _ => 0,
        };
        return TryFor((int)Math.Min(leader.SectorSize, int.MaxValue), alignBytes, out geometry);
    }

    /// <summary>Byte of host id <paramref name="hostId"/>'s sector in a lockspace.</summary>
    public long HostIdOffset(int hostId) => (long)(Checked(hostId) - 1) * SectorSize;

    /// <summary>Byte of the request record in a resource.</summary>
    public long RequestOffset => SectorSize;

    /// <summary>Byte of host id <paramref name="hostId"/>'s vote in a resource.</summary>
    public long VoteOffset(int hostId) => (long)(Checked(hostId) + 1) * SectorSize;

    /// <summary>Bytes a ballot reads: leader, request and all votes, rounded up to a power of two sectors.</summary>
    public int BallotReadBytes(int numHosts) =>
        Math.Min(AlignBytes, (int)BitOperations.RoundUpToPowerOf2((uint)(Checked(numHosts) + 2)) * SectorSize);

    private int Checked(int hostId) => hostId >= 1 && hostId <= MaxHosts
        ? hostId
        : throw new ArgumentOutOfRangeException(nameof(hostId), hostId, $"host ids go from 1 to {MaxHosts} in this geometry");
}
