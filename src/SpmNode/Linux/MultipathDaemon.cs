using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using OvirtSpm.Node.Storage.Paths;

namespace OvirtSpm.Node.Linux;

/// <summary>multipathd's command socket.</summary>
/// <remarks>Both ways: u64 length in this machine's byte order, then so many bytes, the last one zero. Seen with 0.9.4.</remarks>
/// <param name="socket">An abstract name, in the kernel's notation with a leading @, or a path.</param>
sealed class MultipathDaemon(TimeProvider clock, string socket = MultipathDaemon.DefaultSocket)
{
    public const string DefaultSocket = "@/org/kernel/linux/storage/multipathd";

    /// <summary>Longer than any map list.</summary>
    const int LongestAnswer = 16 << 20;

    static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public async Task<QueueLimit> QueueLimitAsync(string map, CancellationToken stop)
    {
        using var limit = new CancellationTokenSource(Patience, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        try
        {
            return QueueLimit.Of(map, await AskAsync("show maps json", either.Token), await AskAsync("show config local", either.Token));
        }
        catch (Exception failed) when (failed is SocketException or IOException || (failed is OperationCanceledException && !stop.IsCancellationRequested))
        {
            return new QueueLimit.Unknown($"multipathd does not answer: {failed.Message}");
        }
    }

    async Task<string> AskAsync(string command, CancellationToken stop)
    {
        using var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket.StartsWith('@') ? "\0" + socket[1..] : socket), stop);
        await using var stream = new NetworkStream(connection);
        var text = Encoding.ASCII.GetBytes(command + "\0");
        var message = new byte[8 + text.Length];
        BinaryPrimitives.WriteUInt64LittleEndian(message, (ulong)text.Length);
        text.CopyTo(message, 8);
        await stream.WriteAsync(message, stop);
        var header = new byte[8];
        await stream.ReadExactlyAsync(header, stop);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(header);
        if (length > LongestAnswer)
        {
            throw new IOException($"an answer of {length} bytes");
        }
        var answer = new byte[length];
        await stream.ReadExactlyAsync(answer, stop);
        return Encoding.UTF8.GetString(answer).TrimEnd('\0');
    }
}
