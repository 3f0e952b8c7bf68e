using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using OvirtSpm.Node.Activation.Nbd.Client;
using OvirtSpm.Node.Demo;

namespace OvirtSpm.SpmNode.Tests.Demo;

public sealed class NbdClientTests : IDisposable
{
    readonly DirectoryInfo directory = Directory.CreateTempSubdirectory("nbdc");

    string SocketPath => Path.Combine(directory.FullName, "s");

    public void Dispose() => directory.Delete(recursive: true);

    [Fact]
    public async Task Replies_out_of_order_reach_the_requests_they_answer()
    {
        using var server = new Double(SocketPath, Negotiated(4096));
        await using var client = await NbdClient.ConnectAsync(SocketPath, "disk", default);
        Assert.Equal(4096, client.SizeBytes);

        var (first, second) = (new byte[4], new byte[4]);
        var (reading, failing, last) = (client.ReadAsync(0, first, default), client.WriteAsync(8, new byte[] { 1, 2 }, default), client.ReadAsync(4, second, default));
        var cookies = await server.RequestsAsync(3, writtenBytes: 2);
        await server.ReplyAsync(cookies[2], 0, [5, 6, 7, 8]);
        await server.ReplyAsync(cookies[1], 28, []);
        await server.ReplyAsync(cookies[0], 0, [1, 2, 3, 4]);

        var errors = await Task.WhenAll(reading, failing, last);
        Assert.Equal([0u, 28u, 0u], errors);
        Assert.Equal([1, 2, 3, 4], first);
        Assert.Equal([5, 6, 7, 8], second);
    }

    [Fact]
    public async Task A_server_that_goes_away_fails_every_open_request_and_the_next_one()
    {
        var server = new Double(SocketPath, Negotiated(4096));
        await using var client = await NbdClient.ConnectAsync(SocketPath, "disk", default);
        var open = client.FlushAsync(default);
        await server.RequestsAsync(1, 0);
        server.Dispose();
        await Assert.ThrowsAsync<IOException>(() => open);
        await Assert.ThrowsAsync<IOException>(() => client.FlushAsync(default));
    }

    [Fact]
    public async Task A_refused_export_and_a_silent_path_are_clear_errors()
    {
        using var server = new Double(SocketPath, Greeting([.. Reply(0x8000_0006, "no such export"u8.ToArray())]));
        var refused = await Assert.ThrowsAsync<IOException>(() => NbdClient.ConnectAsync(SocketPath, "disk", default));
        Assert.Contains("no such export", refused.Message, StringComparison.Ordinal);
        var absent = await Assert.ThrowsAsync<IOException>(() => NbdClient.ConnectAsync(SocketPath + "x", "disk", default));
        Assert.Contains("no NBD export", absent.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Garbage_instead_of_a_handshake_is_an_io_error_and_never_more()
    {
        var good = Negotiated(1 << 20);
        Prop.ForAll(ArbMap.Default.ArbFor<(byte[] Noise, uint At, bool Cut)>(), sample =>
        {
            var bytes = (byte[])good.Clone();
            var at = (int)(sample.At % bytes.Length);
            sample.Noise.AsSpan(0, Math.Min(sample.Noise.Length, bytes.Length - at)).CopyTo(bytes.AsSpan(at));
            using var stream = new Script(sample.Cut ? bytes[..at] : bytes);
            try
            {
                return NbdGreeting.NegotiateAsync(stream, "disk", default).GetAwaiter().GetResult() >= long.MinValue;
            }
            catch (IOException)
            {
                return true;
            }
        }).QuickCheckThrowOnFailure();
    }

    static byte[] Negotiated(long size)
    {
        var info = new byte[12];
        BinaryPrimitives.WriteInt64BigEndian(info.AsSpan(2), size);
        return Greeting([.. Reply(3, info), .. Reply(1, [])]);
    }

    static byte[] Greeting(byte[] replies) => [.. Encoding.ASCII.GetBytes("NBDMAGICIHAVEOPT"), 0, 3, .. replies];

    static byte[] Reply(uint type, byte[] data)
    {
        var reply = new byte[20 + data.Length];
        BinaryPrimitives.WriteUInt64BigEndian(reply, 0x0003E889045565A9);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(8), 7);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(12), type);
        BinaryPrimitives.WriteInt32BigEndian(reply.AsSpan(16), data.Length);
        data.CopyTo(reply, 20);
        return reply;
    }

    /// <summary>Reads from a script, forgets what is written.</summary>
    sealed class Script(byte[] bytes) : MemoryStream(bytes)
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => default;
    }

    /// <summary>A server on a real socket that says what it is told to.</summary>
    sealed class Double : IDisposable
    {
        readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        readonly Task<NetworkStream> accepted;

        public Double(string path, byte[] handshake)
        {
            listener.Bind(new UnixDomainSocketEndPoint(path));
            listener.Listen();
            accepted = AcceptAsync(handshake);
        }

        public async Task<ulong[]> RequestsAsync(int count, int writtenBytes)
        {
            var stream = await accepted;
            var bytes = new byte[count * 28 + writtenBytes];
            await stream.ReadExactlyAsync(bytes);
            var cookies = new ulong[count];
            for (int number = 0, at = 0; number < count; number++)
            {
                cookies[number] = BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(at + 8));
                var isWrite = BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at + 6)) == 1;
                at += 28 + (isWrite ? BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(at + 24)) : 0);
            }
            return cookies;
        }

        public async Task ReplyAsync(ulong cookie, uint error, byte[] data)
        {
            var reply = new byte[16 + data.Length];
            BinaryPrimitives.WriteUInt32BigEndian(reply, 0x67446698);
            BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(4), error);
            BinaryPrimitives.WriteUInt64BigEndian(reply.AsSpan(8), cookie);
            data.CopyTo(reply, 16);
            await (await accepted).WriteAsync(reply);
        }

        public void Dispose()
        {
            listener.Dispose();
            if (accepted.IsCompletedSuccessfully)
            {
                accepted.Result.Dispose();
            }
        }

        async Task<NetworkStream> AcceptAsync(byte[] handshake)
        {
            var stream = new NetworkStream(await listener.AcceptAsync(), ownsSocket: true);
            await stream.WriteAsync(handshake);
            // The client's flags and its one option, whose name is "disk".
            await stream.ReadExactlyAsync(new byte[4 + 16 + 4 + 4 + 2]);
            return stream;
        }
    }
}
