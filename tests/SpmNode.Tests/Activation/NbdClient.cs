using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using OvirtSpm.Node.Activation.Nbd;

namespace OvirtSpm.Node.Tests.Activation;

/// <summary>The other side of the protocol, written from its text and knowing nothing of the server's code.</summary>
internal sealed class NbdClient : IDisposable
{
    readonly Socket socket;
    readonly NetworkStream stream;

    public NbdClient(string path)
    {
        socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(path));
        stream = new(socket, ownsSocket: true);
    }

    public void Dispose() => stream.Dispose();

    public async Task<ushort> HelloAsync(uint flags = 3)
    {
        var hello = await TakeAsync(18);
        Assert.Equal("NBDMAGICIHAVEOPT", Encoding.ASCII.GetString(hello, 0, 16));
        await SendAsync(Number(flags));
        return BinaryPrimitives.ReadUInt16BigEndian(hello.AsSpan(16));
    }

    /// <summary>Sends an option and collects its replies until the last one.</summary>
    public async Task<List<(uint Type, byte[] Data)>> OptionAsync(uint option, params byte[] data)
    {
        await SendAsync([.. "IHAVEOPT"u8, .. Number(option), .. Number((uint)data.Length), .. data]);
        var replies = new List<(uint, byte[])>();
        while (true)
        {
            var head = await TakeAsync(20);
            Assert.Equal(0x0003e889045565a9UL, BinaryPrimitives.ReadUInt64BigEndian(head));
            Assert.Equal(option, BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(8)));
            var type = BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(12));
            replies.Add((type, await TakeAsync((int)BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(16)))));
            if (type == 1 || type >= 0x80000000)
            {
                return replies;
            }
        }
    }

    /// <summary>Handshake with everything a modern client asks for.</summary>
    public async Task EnterAsync(bool structured = true)
    {
        await HelloAsync();
        if (structured)
        {
            Assert.Equal(1u, (await OptionAsync(8)).Single().Type);
            Assert.Equal([4u, 1u], (await OptionAsync(10, [.. Text(""), .. Number(1), .. Text("base:allocation")])).Select(reply => reply.Type));
        }

        Assert.Equal(1u, (await OptionAsync(7, Go("", 3)))[^1].Type);
    }

    public Task RequestAsync(ushort command, ulong cookie, ulong offset, uint length, ushort flags = 0, byte[]? data = null) => SendAsync(
        [.. Number(0x25609513), .. Short(flags), .. Short(command), .. Long(cookie), .. Long(offset), .. Number(length), .. data ?? []]);

    public async Task<(uint Error, ulong Cookie)> SimpleReplyAsync()
    {
        var reply = await TakeAsync(16);
        Assert.Equal(0x67446698u, BinaryPrimitives.ReadUInt32BigEndian(reply));
        return (BinaryPrimitives.ReadUInt32BigEndian(reply.AsSpan(4)), BinaryPrimitives.ReadUInt64BigEndian(reply.AsSpan(8)));
    }

    public async Task<(ushort Flags, ushort Type, ulong Cookie, byte[] Payload)> ChunkAsync()
    {
        var head = await TakeAsync(20);
        Assert.Equal(0x668e33efu, BinaryPrimitives.ReadUInt32BigEndian(head));
        return (BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(4)), BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(6)),
            BinaryPrimitives.ReadUInt64BigEndian(head.AsSpan(8)), await TakeAsync((int)BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(16))));
    }

    public async Task<byte[]> TakeAsync(int length)
    {
        var data = new byte[length];
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await stream.ReadExactlyAsync(data, patience.Token);
        return data;
    }

    public async Task SendAsync(byte[] data) => await stream.WriteAsync(data);

    /// <summary>True once the server has closed.</summary>
    public async Task<bool> IsClosedAsync()
    {
        try
        {
            await TakeAsync(1);
            return false;
        }
        catch (Exception problem) when (problem is EndOfStreamException or IOException)
        {
            return true;
        }
    }

    public static byte[] Go(string name, params ushort[] infos) => [.. Text(name), .. Short((ushort)infos.Length), .. infos.SelectMany(Short)];

    public static byte[] Text(string text) => [.. Number((uint)text.Length), .. Encoding.ASCII.GetBytes(text)];

    public static byte[] Short(ushort value)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, value);
        return bytes;
    }

    public static byte[] Number(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    public static byte[] Long(ulong value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }
}
