using System.Buffers.Binary;
using System.Text;

namespace OvirtSpm.Node.Activation.Nbd.Client;

/// <summary>How an NBD client and a server agree on an export: NBD_OPT_GO after fixed-newstyle greetings.</summary>
/// <remarks>
/// Big-endian. Source: the NBD project's doc/proto.md.
/// <code>
/// greeting  0 "NBDMAGIC"  8 "IHAVEOPT"  16 u16 handshake flags (1 fixed newstyle, 2 no zeroes)    client answers u32 flags
/// option    0 "IHAVEOPT"  8 u32 option  12 u32 length  16 data
/// reply     0 u64 0x0003E889045565A9  8 u32 option  12 u32 type  16 u32 length  20 data
/// info 0    0 u16 0  2 u64 export size  10 u16 transmission flags
/// </code>
/// </remarks>
static class NbdGreeting
{
    const ulong NbdMagic = 0x4E42444D41474943, OptionMagic = 0x49484156454F5054, ReplyMagic = 0x0003E889045565A9;
    const uint Go = 7, Acknowledge = 1, Info = 3, ErrorBit = 0x8000_0000;
    const int LongestReply = 64 * 1024;

    /// <returns>The export's size in bytes.</returns>
    /// <exception cref="IOException">The server is not NBD, too old, or refuses the export.</exception>
    public static async Task<long> NegotiateAsync(Stream stream, string export, CancellationToken stop)
    {
        var greeting = new byte[18];
        await stream.ReadExactlyAsync(greeting, stop);
        if (BinaryPrimitives.ReadUInt64BigEndian(greeting) != NbdMagic || BinaryPrimitives.ReadUInt64BigEndian(greeting.AsSpan(8)) != OptionMagic)
        {
            throw new IOException("what answers there does not speak NBD");
        }
        await stream.WriteAsync(FormatGo(export, (uint)(BinaryPrimitives.ReadUInt16BigEndian(greeting.AsSpan(16)) & 3)), stop);

        long? size = null;
        while (true)
        {
            var (type, data) = await ReadReplyAsync(stream, stop);
            switch (type)
            {
                case Acknowledge:
                    return size ?? throw new IOException($"the NBD server opened '{export}' without telling its size");
                case Info when data.Length >= 12 && BinaryPrimitives.ReadUInt16BigEndian(data) == 0:
                    size = BinaryPrimitives.ReadInt64BigEndian(data.AsSpan(2));
                    break;
                case Info:
                    break;
                default:
                    throw new IOException((type & ErrorBit) == 0
                        ? $"the NBD server answered with the unknown reply type {type}"
                        : $"the NBD server refuses export '{export}': error {type & ~ErrorBit} {Encoding.UTF8.GetString(data)}");
            }
        }
    }

    static byte[] FormatGo(string export, uint flags)
    {
        var name = Encoding.UTF8.GetBytes(export);
        var message = new byte[4 + 16 + 4 + name.Length + 2];
        BinaryPrimitives.WriteUInt32BigEndian(message, flags);
        BinaryPrimitives.WriteUInt64BigEndian(message.AsSpan(4), OptionMagic);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(12), Go);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(16), 4 + name.Length + 2);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(20), name.Length);
        name.CopyTo(message, 24);
        return message;
    }

    static async Task<(uint Type, byte[] Data)> ReadReplyAsync(Stream stream, CancellationToken stop)
    {
        var header = new byte[20];
        await stream.ReadExactlyAsync(header, stop);
        var length = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(16));
        if (BinaryPrimitives.ReadUInt64BigEndian(header) != ReplyMagic || length > LongestReply)
        {
            throw new IOException("the NBD server's answer to the option GO is garbled");
        }
        var data = new byte[length];
        await stream.ReadExactlyAsync(data, stop);
        return (BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(12)), data);
    }
}
