using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;

namespace OvirtSpm.Node.Activation.Nbd.Client;

/// <summary>A client of one NBD export on a Unix socket: fixed newstyle, simple replies, any number of requests in flight.</summary>
/// <remarks>
/// Big-endian. Source: the NBD project's doc/proto.md.
/// <code>
/// request  0 u32 0x25609513   4 u16 flags   6 u16 type   8 u64 cookie   16 u64 offset   24 u32 length   28 data of a write
/// reply    0 u32 0x67446698   4 u32 error   8 u64 cookie  16 data of a read without error
/// </code>
/// The caller bounds the requests in flight; requests larger than 32 MiB are not sent.
/// </remarks>
sealed class NbdClient : IAsyncDisposable
{
    const ushort Read = 0, Write = 1, Disconnect = 2, Flush = 3, WriteZeroes = 6;
    const int RequestBytes = 28, ReplyBytes = 16;
    const uint RequestMagic = 0x25609513, ReplyMagic = 0x67446698;

    readonly Socket socket;
    readonly NetworkStream stream;
    readonly SemaphoreSlim sending = new(1);
    readonly ConcurrentDictionary<ulong, Request> open = new();
    readonly CancellationTokenSource closing = new();
    Task receiving = Task.CompletedTask;
    ulong lastCookie;
    IOException? ended;
    int disposed;

    NbdClient(Socket socket, NetworkStream stream, long sizeBytes) => (this.socket, this.stream, SizeBytes) = (socket, stream, sizeBytes);

    public long SizeBytes { get; }

    /// <exception cref="IOException">Nothing listens there, or what listens is not NBD or refuses the export; the message says which.</exception>
    public static async Task<NbdClient> ConnectAsync(string path, string export, CancellationToken stop)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), stop);
            var stream = new NetworkStream(socket, ownsSocket: true);
            var client = new NbdClient(socket, stream, await NbdGreeting.NegotiateAsync(stream, export, stop));
            client.receiving = client.ReceiveAsync();
            return client;
        }
        catch (Exception failed) when (failed is SocketException or EndOfStreamException)
        {
            socket.Dispose();
            throw new IOException($"no NBD export '{export}' at {path}: {failed.Message}", failed);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <returns>The server's error number; 0: done.</returns>
    /// <exception cref="IOException">The connection is gone; whether the write took effect is unknown.</exception>
    public Task<uint> WriteAsync(long offset, ReadOnlyMemory<byte> data, CancellationToken stop) =>
        SendAsync(Write, offset, data.Length, data, default, stop);

    public Task<uint> ReadAsync(long offset, Memory<byte> target, CancellationToken stop) =>
        SendAsync(Read, offset, target.Length, default, target, stop);

    /// <summary>At most 1 GiB at a time.</summary>
    public Task<uint> ZeroAsync(long offset, int length, CancellationToken stop) => SendAsync(WriteZeroes, offset, length, default, default, stop);

    public Task<uint> FlushAsync(CancellationToken stop) => SendAsync(Flush, 0, 0, default, default, stop);

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
        {
            return;
        }
        if (Volatile.Read(ref ended) is null)
        {
            var farewell = new byte[RequestBytes];
            Format(farewell, Disconnect, 0, 0, 0);
            await sending.WaitAsync();
            try
            {
                await stream.WriteAsync(farewell);
            }
            catch (IOException)
            {
                // Nobody is left to say good-bye to.
            }
            finally
            {
                sending.Release();
            }
        }
        await closing.CancelAsync();
        await receiving;
        await stream.DisposeAsync();
        socket.Dispose();
        closing.Dispose();
    }

    async Task<uint> SendAsync(ushort type, long offset, int length, ReadOnlyMemory<byte> data, Memory<byte> target, CancellationToken stop)
    {
        var request = new Request(target);
        var header = new byte[RequestBytes];
        await sending.WaitAsync(stop);
        try
        {
            var cookie = ++lastCookie;
            Format(header, type, cookie, offset, length);
            open[cookie] = request;
            if (Volatile.Read(ref ended) is { } end)
            {
                throw new IOException(end.Message, end);
            }
            // Not under the caller's token: half a request would garble the ones after it.
            await stream.WriteAsync(header, closing.Token);
            if (data.Length > 0)
            {
                await stream.WriteAsync(data, closing.Token);
            }
        }
        finally
        {
            sending.Release();
        }
        return await request.Answer.Task.WaitAsync(stop);
    }

    static void Format(Span<byte> header, ushort type, ulong cookie, long offset, int length)
    {
        BinaryPrimitives.WriteUInt32BigEndian(header, RequestMagic);
        BinaryPrimitives.WriteUInt16BigEndian(header[6..], type);
        BinaryPrimitives.WriteUInt64BigEndian(header[8..], cookie);
        BinaryPrimitives.WriteInt64BigEndian(header[16..], offset);
        BinaryPrimitives.WriteInt32BigEndian(header[24..], length);
    }

    async Task ReceiveAsync()
    {
        var header = new byte[ReplyBytes];
        try
        {
            while (true)
            {
                await stream.ReadExactlyAsync(header, closing.Token);
                if (BinaryPrimitives.ReadUInt32BigEndian(header) != ReplyMagic
                    || !open.TryRemove(BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(8)), out var request))
                {
                    throw new IOException($"the NBD server's reply {Convert.ToHexString(header)} answers nothing that was asked");
                }
                var error = BinaryPrimitives.ReadUInt32BigEndian(header.AsSpan(4));
                if (error == 0 && request.Target.Length > 0)
                {
                    await stream.ReadExactlyAsync(request.Target, closing.Token);
                }
                request.Answer.TrySetResult(error);
            }
        }
        catch (Exception failed) when (failed is IOException or OperationCanceledException or ObjectDisposedException)
        {
            var end = new IOException($"the NBD connection ended: {failed.Message}", failed);
            Volatile.Write(ref ended, end);
            // After `ended` is set nobody adds another request without seeing it.
            foreach (var waiting in open.Values)
            {
                waiting.Answer.TrySetException(end);
            }
        }
    }

    sealed record Request(Memory<byte> Target)
    {
        public TaskCompletionSource<uint> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
