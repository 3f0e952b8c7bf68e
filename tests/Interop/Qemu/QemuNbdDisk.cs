using System.Buffers.Binary;
using System.Net.Sockets;
using OvirtSpm.Monitor.Guests;
using OvirtSpm.Monitor.Watermark;

namespace OvirtSpm.Interop.Qemu;

/// <summary>A thin disk for a real QEMU: an NBD server on a Unix socket that announces the maximum and has only part of it.</summary>
/// <remarks>
/// A write behind the allocated end fails with ENOSPC, or waits when <see cref="HoldsWrites"/> is set. The bytes are in one sparse file
/// for other tools to read. Protocol: fixed newstyle, simple replies (github.com/NetworkBlockDevice/nbd, doc/proto.md).
/// </remarks>
internal sealed class QemuNbdDisk : IExtendRequests, IStorageProbe, IAsyncDisposable
{
    public const int NoSpace = 28, InputOutput = 5;

    /// <summary>In a row, for <see cref="ExtendsTooLate"/>: eleven seconds, in which any guest reaches the end.</summary>
    private const int MostRefusals = 7;

    private const ulong OptionMagic = 0x49484156454F5054, OptionReply = 0x3e889045565a9;
    private const ushort Flags = 1 | 4 | 32 | 64; // has flags, flush, trim, write zeroes

    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource stop = new();
    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle file;
    private readonly List<Task> clients = [];
    private readonly Task accepting;
    private readonly Lock gate = new();
    private TaskCompletionSource grown = new();
    private readonly TaskCompletionSource firstHeld = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long allocated;
    private int failedAtExtend;
    private int refusals;

    public QemuNbdDisk(string socketPath, string imagePath, long allocatedBytes, long maximumBytes)
    {
        (allocated, MaximumBytes, SocketPath) = (allocatedBytes, maximumBytes, socketPath);
        file = File.OpenHandle(imagePath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        RandomAccess.SetLength(file, maximumBytes);
        listener.Bind(new UnixDomainSocketEndPoint(socketPath));
        listener.Listen();
        accepting = AcceptAsync();
    }

    public string SocketPath { get; }

    public long MaximumBytes { get; }

    public long AllocatedBytes
    {
        get { lock (gate) return allocated; }
    }

    /// <summary>Cleared: what is held fails.</summary>
    public bool HoldsWrites
    {
        get;
        set
        {
            field = value;
            Grow(0);
        }
    }

    /// <summary>Set: extends are refused for this reason.</summary>
    public string? Refusal { get; set; }

    /// <summary>Set: an extend is refused until a write has failed, so each comes too late.</summary>
    public bool ExtendsTooLate { get; set; }

    /// <summary>Set: every request fails with an I/O error.</summary>
    public bool Fails { get; set; }

    /// <summary>Writes until that is set by itself; 0 for never.</summary>
    public int WritesUntilFailure;

    /// <summary>Completes with the first held write.</summary>
    public Task FirstHeld => firstHeld.Task;

    public int Extends;

    public int FailedWrites;

    public int HeldWrites;

    /// <summary>A <c>-blockdev</c> value for it.</summary>
    public string Blockdev(string nodeName) =>
        $$"""{"driver":"nbd","node-name":"{{nodeName}}","server":{"type":"unix","path":"{{SocketPath}}"},"export":"v","open-timeout":10,"reconnect-delay":30}""";

    public ValueTask<ExtendAnswer> AskAsync(VolumeKey volume, long absoluteBytes, CancellationToken stop)
    {
        if (Refusal is { } reason)
            return new(new ExtendAnswer.Refused(reason));
        // QEMU may hear of a write that failed only after the extend and its continuation, and stand again: no other write will fail then.
        if (ExtendsTooLate && failedAtExtend == FailedWrites && refusals++ < MostRefusals)
            return new(new ExtendAnswer.Refused("not before a write has failed"));
        (failedAtExtend, refusals) = (FailedWrites, 0);
        Interlocked.Increment(ref Extends);
        Grow(absoluteBytes);
        return new(new ExtendAnswer.Extended(AllocatedBytes));
    }

    public ValueTask<StorageVerdict> ProbeAsync(VolumeKey volume, CancellationToken stop) =>
        new(Fails ? new StorageVerdict.Broken("the disk fails") : new StorageVerdict.Whole());

    public ValueTask<VolumeSizes?> SizesAsync(VolumeKey volume, CancellationToken stop) =>
        new(new VolumeSizes(AllocatedBytes, MaximumBytes));

    public void Grow(long bytes)
    {
        TaskCompletionSource waiting;
        lock (gate)
        {
            allocated = Math.Max(allocated, Math.Min(bytes, MaximumBytes));
            (waiting, grown) = (grown, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        waiting.SetResult();
    }

    public async ValueTask DisposeAsync()
    {
        stop.Cancel();
        listener.Dispose();
        await accepting;
        await Task.WhenAll(clients);
        file.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                clients.Add(ServeAsync(await listener.AcceptAsync(stop.Token)));
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task ServeAsync(Socket socket)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        using var replying = new SemaphoreSlim(1);
        List<Task> open = [];
        try
        {
            if (!await NegotiateAsync(stream))
                return;
            var header = new byte[28];
            while (true)
            {
                await stream.ReadExactlyAsync(header, stop.Token);
                var type = BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(6));
                var handle = BinaryPrimitives.ReadUInt64BigEndian(header.AsSpan(8));
                var offset = BinaryPrimitives.ReadInt64BigEndian(header.AsSpan(16));
                var length = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(24));
                if (type == 2)
                    return;
                var data = new byte[type is 0 or 1 or 6 ? length : 0];
                if (type == 1)
                    await stream.ReadExactlyAsync(data, stop.Token);
                open.Add(AnswerAsync(stream, replying, type, handle, offset, data));
            }
        }
        catch (Exception error) when (error is IOException or OperationCanceledException)
        {
        }
        finally
        {
            await stream.DisposeAsync();
            await Task.WhenAll(open);
        }
    }

    private async Task AnswerAsync(NetworkStream stream, SemaphoreSlim replying, ushort type, ulong handle, long offset, byte[] data)
    {
        try
        {
            uint error = 0;
            if (type is 1 or 6 && Interlocked.Decrement(ref WritesUntilFailure) == 0)
                Fails = true;
            if (Fails)
                error = InputOutput;
            else if (type is 1 or 6)
                error = await WriteAsync(offset, data);
            else if (type == 0)
                RandomAccess.Read(file, data, offset);
            var reply = new byte[16 + (type == 0 && error == 0 ? data.Length : 0)]; // an error comes without data
            BinaryPrimitives.WriteUInt32BigEndian(reply, 0x67446698);
            BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(4), error);
            BinaryPrimitives.WriteUInt64BigEndian(reply.AsSpan(8), handle);
            if (type == 0 && error == 0)
                data.CopyTo(reply, 16);
            await replying.WaitAsync(stop.Token);
            try
            {
                await stream.WriteAsync(reply, stop.Token);
            }
            finally
            {
                replying.Release();
            }
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or ObjectDisposedException)
        {
        }
    }

    private async Task<uint> WriteAsync(long offset, byte[] data)
    {
        var counted = false;
        while (true)
        {
            Task waiting;
            lock (gate)
            {
                if (offset + data.Length <= allocated)
                    break;
                waiting = grown.Task;
            }
            if (!HoldsWrites)
            {
                Interlocked.Increment(ref FailedWrites);
                return NoSpace;
            }
            if (!counted)
                Interlocked.Increment(ref HeldWrites);
            counted = true;
            firstHeld.TrySetResult();
            await waiting.WaitAsync(stop.Token);
        }
        RandomAccess.Write(file, data, offset);
        return 0;
    }

    /// <returns>False when the client gave up.</returns>
    private async Task<bool> NegotiateAsync(NetworkStream stream)
    {
        var hello = new byte[18];
        "NBDMAGIC"u8.CopyTo(hello);
        "IHAVEOPT"u8.CopyTo(hello.AsSpan(8));
        hello[17] = 3; // fixed newstyle, no zeroes
        await stream.WriteAsync(hello, stop.Token);
        var start = new byte[16];
        await stream.ReadExactlyAsync(start.AsMemory(0, 4), stop.Token);
        while (true)
        {
            await stream.ReadExactlyAsync(start, stop.Token);
            Assert.Equal(OptionMagic, BinaryPrimitives.ReadUInt64BigEndian(start));
            var option = BinaryPrimitives.ReadUInt32BigEndian(start.AsSpan(8));
            await stream.ReadExactlyAsync(new byte[BinaryPrimitives.ReadInt32BigEndian(start.AsSpan(12))], stop.Token);
            var export = new byte[10];
            BinaryPrimitives.WriteInt64BigEndian(export, MaximumBytes);
            BinaryPrimitives.WriteUInt16BigEndian(export.AsSpan(8), Flags);
            switch (option)
            {
                case 1:
                    await stream.WriteAsync(export, stop.Token);
                    return true;
                case 2:
                    await ReplyAsync(stream, option, 1, []);
                    return false;
                case 6 or 7:
                    await ReplyAsync(stream, option, 3, [0, 0, .. export]);
                    await ReplyAsync(stream, option, 1, []);
                    if (option == 7)
                        return true;
                    break;
                default:
                    await ReplyAsync(stream, option, 0x80000001, []);
                    break;
            }
        }
    }

    private async Task ReplyAsync(NetworkStream stream, uint option, uint type, byte[] data)
    {
        var reply = new byte[20 + data.Length];
        BinaryPrimitives.WriteUInt64BigEndian(reply, OptionReply);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(8), option);
        BinaryPrimitives.WriteUInt32BigEndian(reply.AsSpan(12), type);
        BinaryPrimitives.WriteInt32BigEndian(reply.AsSpan(16), data.Length);
        data.CopyTo(reply, 20);
        await stream.WriteAsync(reply, stop.Token);
    }
}
