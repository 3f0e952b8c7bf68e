using System.Buffers.Binary;

namespace OvirtSpm.Leases.OnDisk;

/// <summary>Who holds a lease, and in which version: a host id's sector of a lockspace, or sector 0 of a resource.</summary>
/// <remarks>
/// Little-endian, 200 bytes at byte 0 of one sector; equality of two records is equality of those 200 bytes.
/// <code>
///   0 u32 magic          4 u32 version (major &lt;&lt; 16 | minor)      8 u32 flags     12 u32 sector size
///  16 u64 num hosts     24 u64 max hosts (1 in a lockspace)      32 u64 owner id
///  40 u64 generation    48 u64 lease version                     56 48 bytes lockspace
/// 104 48 bytes resource (lockspace: unique host name)           152 u64 timestamp, 0 = free
/// 160 u64 unused1      168 u32 crc of 0..167    172 u16 unused2  174 u16 io timeout, seconds (lockspace)
/// 176 u64 write id     184 u64 write generation                 192 u64 write timestamp
/// 256 256 bytes host id bitmap (lockspace; not part of this record)
/// </code>
/// Bytes 172 to 199 lie outside the checksum. Source: sanlock 3.8.5, leader.h; measured with "direct init", "direct dump".
/// </remarks>
public sealed record LeaderRecord
{
    public const int SizeBytes = 200;

    private const uint HostIdMagic = 0x12212010;
    private const uint ResourceMagic = 0x06152010;
    private const uint ClearedMagic = 0x11282016;
    private const int MagicOffset = 0;
    private const int VersionOffset = 4;
    private const int FlagsOffset = 8;
    private const int SectorSizeOffset = 12;
    private const int NumHostsOffset = 16;
    private const int MaxHostsOffset = 24;
    private const int OwnerIdOffset = 32;
    private const int OwnerGenerationOffset = 40;
    private const int LeaseVersionOffset = 48;
    private const int LockspaceOffset = 56;
    private const int ResourceOffset = 104;
    private const int TimestampOffset = 152;
    private const int Unused1Offset = 160;
    private const int ChecksumOffset = 168;
    private const int Unused2Offset = 172;
    private const int IoTimeoutOffset = 174;
    private const int WriteIdOffset = 176;
    private const int WriteGenerationOffset = 184;
    private const int WriteTimestampOffset = 192;

    /// <summary>Versions this build writes: 3.4 and 6.4, which every sanlock since 3.x reads.</summary>
    public const uint HostIdVersion = 0x00030004;

    public const uint ResourceVersion = 0x00060004;

    public required LeaderKind Kind { get; init; }

    public required uint Version { get; init; }

    public LeaderFlags Flags { get; init; }

    public uint SectorSize { get; init; }

    public ulong NumHosts { get; init; }

    public ulong MaxHosts { get; init; }

    public ulong OwnerId { get; init; }

    public ulong OwnerGeneration { get; init; }

    public ulong LeaseVersion { get; init; }

    public LeaseName Lockspace { get; init; }

    /// <summary>The resource's name; in a lockspace the unique name of the host that holds the id.</summary>
    public LeaseName Resource { get; init; }

    /// <summary>Whole seconds of the holder's own clock, only ever compared for change; 0 means free.</summary>
    public ulong Timestamp { get; init; }

    public ulong Unused1 { get; init; }

    public ushort Unused2 { get; init; }

    public ushort IoTimeoutField { get; init; }

    public ulong WriteId { get; init; }

    public ulong WriteGeneration { get; init; }

    public ulong WriteTimestamp { get; init; }

    /// <summary>The holder's io timeout in seconds as read from a lockspace sector; 0 when it states none.</summary>
    public int IoTimeoutSeconds => IoTimeoutField & 0xFF;

    public uint Major => Version >> 16;

    /// <param name="sector">At least 200 bytes from the start of the sector.</param>
    /// <param name="leader">What the bytes say, also when they are not believed for their checksum or flags; null otherwise.</param>
    public static RecordError TryParse(LeaderKind kind, ReadOnlySpan<byte> sector, out LeaderRecord? leader)
    {
        leader = null;
        if (sector.Length < SizeBytes)
        {
            return RecordError.TooShort;
        }

        var magic = BinaryPrimitives.ReadUInt32LittleEndian(sector[MagicOffset..]);
        if (magic != (kind == LeaderKind.HostId ? HostIdMagic : ResourceMagic))
        {
            return magic == ClearedMagic && kind == LeaderKind.Resource ? RecordError.Cleared : RecordError.WrongMagic;
        }

        var version = BinaryPrimitives.ReadUInt32LittleEndian(sector[VersionOffset..]);
        var (lowest, highest) = kind == LeaderKind.HostId ? (3u, 5u) : (6u, 7u);
        if (version >> 16 < lowest || version >> 16 > highest)
        {
            return RecordError.WrongVersion;
        }

        leader = Read(kind, version, sector);
        return BinaryPrimitives.ReadUInt32LittleEndian(sector[ChecksumOffset..]) == LeaseCrc.Compute(sector[..ChecksumOffset])
            ? RecordError.None
            : RecordError.WrongChecksum;
    }

    /// <summary>Writes the record over a whole zeroed sector: the rest of a lease sector is zero.</summary>
    public void Format(Span<byte> sector)
    {
        sector.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(sector[MagicOffset..], Kind == LeaderKind.HostId ? HostIdMagic : ResourceMagic);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[VersionOffset..], Version);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[FlagsOffset..], (uint)Flags);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[SectorSizeOffset..], SectorSize);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[NumHostsOffset..], NumHosts);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[MaxHostsOffset..], MaxHosts);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[OwnerIdOffset..], OwnerId);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[OwnerGenerationOffset..], OwnerGeneration);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[LeaseVersionOffset..], LeaseVersion);
        Lockspace.CopyTo(sector[LockspaceOffset..]);
        Resource.CopyTo(sector[ResourceOffset..]);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[TimestampOffset..], Timestamp);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[Unused1Offset..], Unused1);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[ChecksumOffset..], LeaseCrc.Compute(sector[..ChecksumOffset]));
        BinaryPrimitives.WriteUInt16LittleEndian(sector[Unused2Offset..], Unused2);
        BinaryPrimitives.WriteUInt16LittleEndian(sector[IoTimeoutOffset..], IoTimeoutField);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[WriteIdOffset..], WriteId);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[WriteGenerationOffset..], WriteGeneration);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[WriteTimestampOffset..], WriteTimestamp);
    }

    private static LeaderRecord Read(LeaderKind kind, uint version, ReadOnlySpan<byte> sector) => new()
    {
        Kind = kind,
        Version = version,
        Flags = (LeaderFlags)BinaryPrimitives.ReadUInt32LittleEndian(sector[FlagsOffset..]),
        SectorSize = BinaryPrimitives.ReadUInt32LittleEndian(sector[SectorSizeOffset..]),
        NumHosts = BinaryPrimitives.ReadUInt64LittleEndian(sector[NumHostsOffset..]),
        MaxHosts = BinaryPrimitives.ReadUInt64LittleEndian(sector[MaxHostsOffset..]),
        OwnerId = BinaryPrimitives.ReadUInt64LittleEndian(sector[OwnerIdOffset..]),
        OwnerGeneration = BinaryPrimitives.ReadUInt64LittleEndian(sector[OwnerGenerationOffset..]),
        LeaseVersion = BinaryPrimitives.ReadUInt64LittleEndian(sector[LeaseVersionOffset..]),
        Lockspace = LeaseName.FromBytes(sector.Slice(LockspaceOffset, LeaseName.SizeBytes)),
        Resource = LeaseName.FromBytes(sector.Slice(ResourceOffset, LeaseName.SizeBytes)),
        Timestamp = BinaryPrimitives.ReadUInt64LittleEndian(sector[TimestampOffset..]),
        Unused1 = BinaryPrimitives.ReadUInt64LittleEndian(sector[Unused1Offset..]),
        Unused2 = BinaryPrimitives.ReadUInt16LittleEndian(sector[Unused2Offset..]),
        IoTimeoutField = BinaryPrimitives.ReadUInt16LittleEndian(sector[IoTimeoutOffset..]),
        WriteId = BinaryPrimitives.ReadUInt64LittleEndian(sector[WriteIdOffset..]),
        WriteGeneration = BinaryPrimitives.ReadUInt64LittleEndian(sector[WriteGenerationOffset..]),
        WriteTimestamp = BinaryPrimitives.ReadUInt64LittleEndian(sector[WriteTimestampOffset..]),
    };
}
