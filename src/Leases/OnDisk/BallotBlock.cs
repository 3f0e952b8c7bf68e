using System.Buffers.Binary;

namespace OvirtSpm.Leases.OnDisk;

/// <summary>One host's vote inside a resource: the ballot it started, the value it accepted.</summary>
/// <remarks>
/// Little-endian, 56 bytes at byte 0 of host h's sector (1 + h of the resource).
/// <code>
///  0 u64 promised (mbal)   8 u64 accepted (bal)   16 u64 value host   24 u64 value generation
/// 32 u64 value timestamp  40 u64 lease version    48 u32 crc of 0..47 52 u32 flags (1 = released), not in the checksum
/// </code>
/// All of promised, accepted, value host, lease version and checksum zero means "never voted". Source: sanlock 3.8.5, paxos_dblock.h.
/// </remarks>
public readonly record struct BallotBlock(ulong Promised, ulong Accepted, OwnerValue Value, ulong LeaseVersion, uint Flags)
{
    public const int SizeBytes = 56;
    internal const uint ReleasedFlag = 1;
    private const int PromisedOffset = 0;
    private const int AcceptedOffset = 8;
    private const int ValueHostOffset = 16;
    private const int ValueGenerationOffset = 24;
    private const int ValueTimestampOffset = 32;
    private const int LeaseVersionOffset = 40;
    private const int ChecksumOffset = 48;
    private const int FlagsOffset = 52;

    /// <summary>The owner this host was voted in as gave the lease back, even if the leader record does not say so.</summary>
    public bool IsReleased => (Flags & ReleasedFlag) != 0;

    public BallotBlock Released() => this with { Flags = Flags | ReleasedFlag };

    /// <param name="sector">At least 56 bytes from the start of the host's sector.</param>
    /// <param name="vote">Meaningless unless the result is <see cref="RecordError.None"/>.</param>
    /// <returns><see cref="RecordError.WrongChecksum"/> if the bytes cannot be believed. R29: give up the ballot then; a damaged
    /// vote read as "never voted" lets two hosts commit different owners.</returns>
    public static RecordError TryParse(ReadOnlySpan<byte> sector, out BallotBlock vote)
    {
        vote = default;
        if (sector.Length < SizeBytes)
        {
            return RecordError.TooShort;
        }

        vote = new BallotBlock(
            BinaryPrimitives.ReadUInt64LittleEndian(sector[PromisedOffset..]),
            BinaryPrimitives.ReadUInt64LittleEndian(sector[AcceptedOffset..]),
            new OwnerValue(
                BinaryPrimitives.ReadUInt64LittleEndian(sector[ValueHostOffset..]),
                BinaryPrimitives.ReadUInt64LittleEndian(sector[ValueGenerationOffset..]),
                BinaryPrimitives.ReadUInt64LittleEndian(sector[ValueTimestampOffset..])),
            BinaryPrimitives.ReadUInt64LittleEndian(sector[LeaseVersionOffset..]),
            BinaryPrimitives.ReadUInt32LittleEndian(sector[FlagsOffset..]));
        var checksum = BinaryPrimitives.ReadUInt32LittleEndian(sector[ChecksumOffset..]);
        var neverUsed = checksum == 0 && vote is { Promised: 0, Accepted: 0, Value.HostId: 0, LeaseVersion: 0 };
        return neverUsed || checksum == LeaseCrc.Compute(sector[..ChecksumOffset]) ? RecordError.None : RecordError.WrongChecksum;
    }

    /// <summary>As the other one, for the sector of one host: numbers of a host are congruent to its id modulo max_hosts.</summary>
    public static RecordError TryParse(ReadOnlySpan<byte> sector, int hostId, int maxHosts, out BallotBlock vote)
    {
        var error = TryParse(sector, out vote);
        return error == RecordError.None && vote.Promised != 0 && vote.Promised % (ulong)maxHosts != (ulong)(hostId % maxHosts)
            ? RecordError.Misplaced
            : error;
    }

    /// <summary>Writes the vote over a whole zeroed sector; a shared-mode block that stood there is erased.</summary>
    public void Format(Span<byte> sector)
    {
        sector.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(sector[PromisedOffset..], Promised);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[AcceptedOffset..], Accepted);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[ValueHostOffset..], Value.HostId);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[ValueGenerationOffset..], Value.Generation);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[ValueTimestampOffset..], Value.Timestamp);
        BinaryPrimitives.WriteUInt64LittleEndian(sector[LeaseVersionOffset..], LeaseVersion);
        BinaryPrimitives.WriteUInt32LittleEndian(sector[ChecksumOffset..], LeaseCrc.Compute(sector[..ChecksumOffset]));
        BinaryPrimitives.WriteUInt32LittleEndian(sector[FlagsOffset..], Flags);
    }
}
