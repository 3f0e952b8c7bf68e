using System.Buffers.Binary;

namespace OvirtSpm.Node.Activation.Nbd;

/// <summary>One request as it came.</summary>
/// <remarks><code>
///  0 u32 magic   4 u16 flags   6 u16 command   8 u64 cookie   16 u64 offset   24 u32 length   28 end, a write's data follows
/// </code>Big-endian. Source: NBD protocol, "Request message".</remarks>
internal readonly record struct NbdRequest(NbdCommandFlags Flags, NbdCommand Command, ulong Cookie, ulong Offset, uint Length)
{
    public const int SizeBytes = 28;

    public bool Changes => Command is NbdCommand.Write or NbdCommand.WriteZeroes or NbdCommand.Trim;

    /// <returns>False if this is not a request: client and server have lost step and cannot find it again.</returns>
    public static bool TryParse(ReadOnlySpan<byte> header, out NbdRequest request)
    {
        request = new(
            (NbdCommandFlags)BinaryPrimitives.ReadUInt16BigEndian(header[4..]),
            (NbdCommand)BinaryPrimitives.ReadUInt16BigEndian(header[6..]),
            BinaryPrimitives.ReadUInt64BigEndian(header[8..]),
            BinaryPrimitives.ReadUInt64BigEndian(header[16..]),
            BinaryPrimitives.ReadUInt32BigEndian(header[24..]));
        return BinaryPrimitives.ReadUInt32BigEndian(header) == NbdProtocol.RequestMagic;
    }

    /// <summary>What can be refused without asking the export.</summary>
    public NbdError Check(INbdExport export, NbdSession session)
    {
        if (Command is not (NbdCommand.Read or NbdCommand.Write or NbdCommand.Flush or NbdCommand.Trim or NbdCommand.WriteZeroes or NbdCommand.BlockStatus)
            || (Flags & ~Allowed(session)) != 0
            || Command == NbdCommand.BlockStatus && !session.BaseAllocation)
        {
            return NbdError.Invalid;
        }

        if (Command == NbdCommand.Flush)
        {
            return NbdError.None;
        }

        if (Changes && export.ReadOnly)
        {
            return NbdError.NotPermitted;
        }

        if (Length == 0 || Offset % (ulong)export.SectorSize != 0 || Length % export.SectorSize != 0
            || Command is NbdCommand.Read or NbdCommand.Write && Length > NbdProtocol.PayloadMax)
        {
            return NbdError.Invalid;
        }

        // Compared without adding: offset and length come from the wire and may wrap.
        if (Offset > (ulong)export.SizeBytes || Length > (ulong)export.SizeBytes - Offset)
        {
            return Command is NbdCommand.Write or NbdCommand.WriteZeroes ? NbdError.NoSpace : NbdError.Invalid;
        }

        return NbdError.None;
    }

    NbdCommandFlags Allowed(NbdSession session) => NbdCommandFlags.ForceUnitAccess | Command switch
    {
        NbdCommand.Read when session.StructuredReplies => NbdCommandFlags.DoNotFragment,
        NbdCommand.WriteZeroes => NbdCommandFlags.NoHole | NbdCommandFlags.FastZero,
        NbdCommand.BlockStatus => NbdCommandFlags.RequestOne,
        _ => NbdCommandFlags.None,
    };
}
