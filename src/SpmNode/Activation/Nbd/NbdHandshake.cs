using System.Buffers.Binary;
using System.Text;

namespace OvirtSpm.Node.Activation.Nbd;

/// <summary>The options before the first request, on the server's side.</summary>
/// <remarks>
/// <code>
/// server  u64 NBDMAGIC   u64 IHAVEOPT   u16 handshake flags
/// client  u32 client flags
/// client  u64 IHAVEOPT   u32 option     u32 length   data          until GO or EXPORT_NAME
/// server  u64 reply magic u32 option    u32 reply    u32 length   data
/// </code>
/// Source: NBD protocol, "Fixed newstyle negotiation". What cannot be answered ends the connection with
/// <see cref="InvalidDataException"/>; everything else gets an error reply and the client may go on.
/// </remarks>
internal sealed class NbdHandshake(Stream stream, INbdExport export)
{
    readonly NbdSession session = new();

    /// <returns>Null when the client said goodbye.</returns>
    /// <exception cref="InvalidDataException">The peer does not speak the protocol.</exception>
    /// <exception cref="EndOfStreamException">The peer is gone.</exception>
    public async Task<NbdSession?> RunAsync(CancellationToken stop)
    {
        var hello = new byte[18];
        BinaryPrimitives.WriteUInt64BigEndian(hello, NbdProtocol.InitMagic);
        BinaryPrimitives.WriteUInt64BigEndian(hello.AsSpan(8), NbdProtocol.OptionMagic);
        BinaryPrimitives.WriteUInt16BigEndian(hello.AsSpan(16), (ushort)(NbdHandshakeFlags.FixedNewstyle | NbdHandshakeFlags.NoZeroes));
        await stream.WriteAsync(hello, stop);

        var clientFlags = BinaryPrimitives.ReadUInt32BigEndian(await TakeAsync(4, stop));
        if ((clientFlags & ~3u) != 0 || (clientFlags & (uint)NbdHandshakeFlags.FixedNewstyle) == 0)
        {
            throw new InvalidDataException($"The client's handshake flags are {clientFlags:x}; fixed newstyle is needed.");
        }

        session.NoZeroes = (clientFlags & (uint)NbdHandshakeFlags.NoZeroes) != 0;
        while (true)
        {
            var head = await TakeAsync(16, stop);
            if (BinaryPrimitives.ReadUInt64BigEndian(head) != NbdProtocol.OptionMagic)
            {
                throw new InvalidDataException("An option does not begin with its magic number.");
            }

            var option = (NbdOption)BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(8));
            var length = BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(12));
            if (length > NbdProtocol.OptionDataMax)
            {
                // Read past it, so that the client hears why; never into memory of its size.
                await SkipAsync(length, stop);
                if (option == NbdOption.ExportName)
                {
                    throw new InvalidDataException($"An export name of {length} bytes is too long.");
                }

                await ReplyAsync(option, NbdOptionReply.TooBig, [], stop);
                continue;
            }

            var data = await TakeAsync((int)length, stop);
            switch (option)
            {
                case NbdOption.ExportName:
                    await EnterByNameAsync(data, stop);
                    return session;
                case NbdOption.Abort:
                    await ReplyAsync(option, NbdOptionReply.Ack, [], stop);
                    return null;
                case NbdOption.Go or NbdOption.Info:
                    if (await DescribeAsync(option, data, stop) && option == NbdOption.Go)
                    {
                        return session;
                    }

                    break;
                case NbdOption.List:
                    await ListAsync(data, stop);
                    break;
                case NbdOption.StructuredReply:
                    session.StructuredReplies |= data.Length == 0;
                    await ReplyAsync(option, data.Length == 0 ? NbdOptionReply.Ack : NbdOptionReply.Invalid, [], stop);
                    break;
                case NbdOption.ListMetaContext or NbdOption.SetMetaContext:
                    await MetaContextAsync(option, data, stop);
                    break;
                default:
                    await ReplyAsync(option, NbdOptionReply.Unsupported, [], stop);
                    break;
            }
        }
    }

    bool IsOurs(string name) => name.Length == 0 || name == export.Name;

    async Task EnterByNameAsync(byte[] name, CancellationToken stop)
    {
        if (!IsOurs(Encoding.UTF8.GetString(name)))
        {
            // This option has no error reply.
            throw new InvalidDataException("The client asked for an export that is not served here.");
        }

        var reply = new byte[session.NoZeroes ? 10 : 134];
        BinaryPrimitives.WriteUInt64BigEndian(reply, (ulong)export.SizeBytes);
        BinaryPrimitives.WriteUInt16BigEndian(reply.AsSpan(8), (ushort)NbdSession.Flags(export, session.StructuredReplies));
        await stream.WriteAsync(reply, stop);
    }

    /// <returns>True if the client may go on with this export.</returns>
    async Task<bool> DescribeAsync(NbdOption option, byte[] data, CancellationToken stop)
    {
        var cursor = new NbdCursor(data);
        if (!cursor.TryString(out var name) || !cursor.TryU16(out var count))
        {
            await ReplyAsync(option, NbdOptionReply.Invalid, "malformed request", stop);
            return false;
        }

        var wanted = new HashSet<NbdInfo>();
        for (var i = 0; i < count; i++)
        {
            if (!cursor.TryU16(out var info))
            {
                await ReplyAsync(option, NbdOptionReply.Invalid, "malformed request", stop);
                return false;
            }

            wanted.Add((NbdInfo)info);
        }

        if (!cursor.AtEnd)
        {
            await ReplyAsync(option, NbdOptionReply.Invalid, "malformed request", stop);
            return false;
        }

        if (!IsOurs(name))
        {
            await ReplyAsync(option, NbdOptionReply.Unknown, "this socket serves " + export.Name, stop);
            return false;
        }

        var description = new byte[12];
        BinaryPrimitives.WriteUInt16BigEndian(description, (ushort)NbdInfo.Export);
        BinaryPrimitives.WriteUInt64BigEndian(description.AsSpan(2), (ulong)export.SizeBytes);
        BinaryPrimitives.WriteUInt16BigEndian(description.AsSpan(10), (ushort)NbdSession.Flags(export, session.StructuredReplies));
        await ReplyAsync(option, NbdOptionReply.Info, description, stop);

        if (wanted.Contains(NbdInfo.Name))
        {
            var text = new byte[2 + Encoding.UTF8.GetByteCount(export.Name)];
            BinaryPrimitives.WriteUInt16BigEndian(text, (ushort)NbdInfo.Name);
            Encoding.UTF8.GetBytes(export.Name, text.AsSpan(2));
            await ReplyAsync(option, NbdOptionReply.Info, text, stop);
        }

        var sizes = new byte[14];
        BinaryPrimitives.WriteUInt16BigEndian(sizes, (ushort)NbdInfo.BlockSize);
        BinaryPrimitives.WriteUInt32BigEndian(sizes.AsSpan(2), (uint)export.SectorSize);
        BinaryPrimitives.WriteUInt32BigEndian(sizes.AsSpan(6), 65536);
        BinaryPrimitives.WriteUInt32BigEndian(sizes.AsSpan(10), NbdProtocol.PayloadMax);
        await ReplyAsync(option, NbdOptionReply.Info, sizes, stop);

        // A client that did not ask may send 512-byte requests, which this device cannot do.
        if (option == NbdOption.Go && export.SectorSize > 512 && !wanted.Contains(NbdInfo.BlockSize))
        {
            await ReplyAsync(option, NbdOptionReply.BlockSizeRequired, $"requests must be multiples of {export.SectorSize}", stop);
            return false;
        }

        await ReplyAsync(option, NbdOptionReply.Ack, [], stop);
        return true;
    }

    async Task ListAsync(byte[] data, CancellationToken stop)
    {
        if (data.Length > 0)
        {
            await ReplyAsync(NbdOption.List, NbdOptionReply.Invalid, "malformed request", stop);
            return;
        }

        var entry = new byte[4 + Encoding.UTF8.GetByteCount(export.Name)];
        BinaryPrimitives.WriteUInt32BigEndian(entry, (uint)entry.Length - 4);
        Encoding.UTF8.GetBytes(export.Name, entry.AsSpan(4));
        await ReplyAsync(NbdOption.List, NbdOptionReply.Server, entry, stop);
        await ReplyAsync(NbdOption.List, NbdOptionReply.Ack, [], stop);
    }

    async Task MetaContextAsync(NbdOption option, byte[] data, CancellationToken stop)
    {
        var set = option == NbdOption.SetMetaContext;
        if (set)
        {
            // A failed SET leaves nothing selected, also what an earlier one selected.
            session.BaseAllocation = false;
        }

        var cursor = new NbdCursor(data);
        var valid = cursor.TryString(out var name) & cursor.TryU32(out var count);
        var selected = !set && count == 0;
        for (var i = 0u; valid && i < count; i++)
        {
            valid = cursor.TryString(out var query);
            selected |= query == NbdProtocol.BaseAllocation || !set && query == "base:";
        }

        if (!valid || !cursor.AtEnd || set && !session.StructuredReplies)
        {
            await ReplyAsync(option, NbdOptionReply.Invalid, "malformed request, or no structured replies", stop);
            return;
        }

        if (!IsOurs(name))
        {
            await ReplyAsync(option, NbdOptionReply.Unknown, "this socket serves " + export.Name, stop);
            return;
        }

        if (selected)
        {
            session.BaseAllocation |= set;
            var context = new byte[4 + NbdProtocol.BaseAllocation.Length];
            BinaryPrimitives.WriteUInt32BigEndian(context, set ? NbdProtocol.BaseAllocationId : 0);
            Encoding.ASCII.GetBytes(NbdProtocol.BaseAllocation, context.AsSpan(4));
            await ReplyAsync(option, NbdOptionReply.MetaContext, context, stop);
        }

        await ReplyAsync(option, NbdOptionReply.Ack, [], stop);
    }

    Task ReplyAsync(NbdOption option, NbdOptionReply reply, string text, CancellationToken stop) =>
        ReplyAsync(option, reply, Encoding.UTF8.GetBytes(text), stop);

    async Task ReplyAsync(NbdOption option, NbdOptionReply reply, byte[] data, CancellationToken stop)
    {
        var message = new byte[20 + data.Length];
        BinaryPrimitives.WriteUInt64BigEndian(message, NbdProtocol.OptionReplyMagic);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(8), (uint)option);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(12), (uint)reply);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(16), (uint)data.Length);
        data.CopyTo(message, 20);
        await stream.WriteAsync(message, stop);
    }

    async Task<byte[]> TakeAsync(int length, CancellationToken stop)
    {
        var data = new byte[length];
        await stream.ReadExactlyAsync(data, stop);
        return data;
    }

    Task SkipAsync(uint length, CancellationToken stop) => NbdSkip.SkipAsync(stream, length, stop);
}
