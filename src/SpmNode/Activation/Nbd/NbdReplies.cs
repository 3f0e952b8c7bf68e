using System.Buffers.Binary;

namespace OvirtSpm.Node.Activation.Nbd;

/// <summary>Writes answers, one at a time and each in one piece.</summary>
/// <remarks><code>
/// simple      0 u32 magic   4 u32 error   8 u64 cookie   16 data of a read
/// structured  0 u32 magic   4 u16 flags (1 = last)   6 u16 type   8 u64 cookie   16 u32 length   20 payload
///   data      0 u64 offset, data     status  0 u32 context, then u32 length, u32 state     error  0 u32 error, u16 length, text
/// </code>Big-endian. Source: NBD protocol, "Simple reply message", "Structured reply chunk message".</remarks>
internal sealed class NbdReplies(Stream stream, NbdSession session)
{
    // Small reads go out with their header in one call; large ones are not worth a copy.
    const int CopyMax = 32 << 10;

    // Never disposed: that forgets who waits, and a request that waits for its turn when the client is killed would never end.
    readonly SemaphoreSlim turn = new(1);
    readonly byte[] scratch = new byte[32 + CopyMax];

    public Task ErrorAsync(in NbdRequest request, NbdError error) =>
        session.StructuredReplies && request.Command is NbdCommand.Read or NbdCommand.BlockStatus
            ? ChunkErrorAsync(request.Cookie, error)
            : SimpleAsync(request.Cookie, error);

    public Task DoneAsync(in NbdRequest request) => SimpleAsync(request.Cookie, NbdError.None);

    public Task DataAsync(NbdRequest request, ReadOnlyMemory<byte> data) => SendAsync(
        header =>
        {
            if (!session.StructuredReplies)
            {
                return Simple(header, request.Cookie, NbdError.None);
            }

            var length = Chunk(header, NbdChunk.OffsetData, request.Cookie, 8 + data.Length);
            BinaryPrimitives.WriteUInt64BigEndian(header[length..], request.Offset);
            return length + 8;
        },
        data);

    public Task StatusAsync(NbdRequest request, IReadOnlyList<NbdExtent> extents)
    {
        var payload = new byte[8 * extents.Count];
        for (var i = 0; i < extents.Count; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(payload.AsSpan(8 * i), extents[i].LengthBytes);
            BinaryPrimitives.WriteUInt32BigEndian(payload.AsSpan(8 * i + 4), (uint)extents[i].State);
        }

        return SendAsync(
            header =>
            {
                var length = Chunk(header, NbdChunk.BlockStatus, request.Cookie, 4 + payload.Length);
                BinaryPrimitives.WriteUInt32BigEndian(header[length..], NbdProtocol.BaseAllocationId);
                return length + 4;
            },
            payload);
    }

    Task SimpleAsync(ulong cookie, NbdError error) => SendAsync(header => Simple(header, cookie, error), default);

    Task ChunkErrorAsync(ulong cookie, NbdError error) => SendAsync(
        header =>
        {
            var length = Chunk(header, NbdChunk.Error, cookie, 6);
            BinaryPrimitives.WriteUInt32BigEndian(header[length..], (uint)error);
            BinaryPrimitives.WriteUInt16BigEndian(header[(length + 4)..], 0);
            return length + 6;
        },
        default);

    static int Simple(Span<byte> header, ulong cookie, NbdError error)
    {
        BinaryPrimitives.WriteUInt32BigEndian(header, NbdProtocol.SimpleReplyMagic);
        BinaryPrimitives.WriteUInt32BigEndian(header[4..], (uint)error);
        BinaryPrimitives.WriteUInt64BigEndian(header[8..], cookie);
        return 16;
    }

    static int Chunk(Span<byte> header, NbdChunk type, ulong cookie, int payloadBytes)
    {
        BinaryPrimitives.WriteUInt32BigEndian(header, NbdProtocol.ChunkMagic);
        // One chunk answers each request.
        BinaryPrimitives.WriteUInt16BigEndian(header[4..], 1);
        BinaryPrimitives.WriteUInt16BigEndian(header[6..], (ushort)type);
        BinaryPrimitives.WriteUInt64BigEndian(header[8..], cookie);
        BinaryPrimitives.WriteUInt32BigEndian(header[16..], (uint)payloadBytes);
        return 20;
    }

    delegate int HeaderWriter(Span<byte> header);

    async Task SendAsync(HeaderWriter write, ReadOnlyMemory<byte> data)
    {
        await turn.WaitAsync();
        try
        {
            var length = write(scratch);
            if (data.Length <= CopyMax)
            {
                data.Span.CopyTo(scratch.AsSpan(length));
                await stream.WriteAsync(scratch.AsMemory(0, length + data.Length));
                return;
            }

            await stream.WriteAsync(scratch.AsMemory(0, length));
            await stream.WriteAsync(data);
        }
        finally
        {
            turn.Release();
        }
    }
}
