using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace OvirtSpm.Node.Linux;

/// <summary>A client of a D-Bus daemon on this machine: calls with answers, signals in between, file descriptors.</summary>
/// <remarks>One user at a time. Every failure is an <see cref="IOException"/>; the connection is of no use after one.</remarks>
sealed class DBusConnection : IDisposable
{
    const int MostDescriptors = 16;

    readonly Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    readonly byte[] buffer = new byte[DBusMessage.MostBytes];
    readonly Queue<SafeFileHandle> descriptors = [];
    readonly Queue<SafeFileHandle> attached = [];
    readonly Queue<DBusMessage> signals = [];
    int filled;
    uint serial;

    DBusConnection()
    {
    }

    /// <param name="address">As in DBUS_SYSTEM_BUS_ADDRESS.</param>
    public static async Task<DBusConnection> OpenAsync(string address, CancellationToken stop)
    {
        var connection = new DBusConnection();
        try
        {
            await connection.socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath(address)), stop);
            var uid = Convert.ToHexString(Encoding.ASCII.GetBytes($"{Libc.geteuid()}"));
            await connection.SayAsync($"\0AUTH EXTERNAL {uid}", "OK", stop);
            await connection.SayAsync("NEGOTIATE_UNIX_FD", "AGREE_UNIX_FD", stop);
            await connection.SayAsync("BEGIN", null, stop);
            await connection.CallAsync(ToBus("Hello"), stop);
            return connection;
        }
        catch (Exception failed)
        {
            connection.Dispose();
            throw failed is SocketException ? new IOException($"{address}: {failed.Message}", failed) : failed;
        }
    }

    /// <summary>A call of the bus itself.</summary>
    public static DBusMessage ToBus(string member, params string[] arguments) => new(DBusMessage.Call, 0)
    {
        Destination = "org.freedesktop.DBus", Path = "/org/freedesktop/DBus", Interface = "org.freedesktop.DBus", Member = member,
        Signature = arguments.Length == 0 ? null : new string('s', arguments.Length), Body = DBusMessage.Strings(arguments),
    };

    /// <exception cref="IOException">Also when the answer is an error.</exception>
    public async Task<DBusMessage> CallAsync(DBusMessage call, CancellationToken stop)
    {
        var sent = ++serial;
        await WriteAsync((call with { Serial = sent }).Format(), stop);
        while (true)
        {
            var got = await ReceiveAsync(stop);
            if (got.Type is DBusMessage.Return or DBusMessage.Error && got.ReplyTo == sent)
            {
                return got.Type == DBusMessage.Return ? got : throw new IOException($"{call.Member}: {got.Text}");
            }
            if (got.Type == DBusMessage.Signal)
            {
                signals.Enqueue(got);
            }
        }
    }

    public async Task<DBusMessage> NextSignalAsync(CancellationToken stop)
    {
        if (signals.TryDequeue(out var waiting))
        {
            return waiting;
        }
        while (true)
        {
            if (await ReceiveAsync(stop) is { Type: DBusMessage.Signal } signal)
            {
                return signal;
            }
        }
    }

    /// <summary>The first file descriptor of the last message, which is the answer after a call.</summary>
    public SafeFileHandle TakeDescriptor() => attached.TryDequeue(out var first) ? first : throw new IOException("the answer has no file descriptor");

    async Task<DBusMessage> ReceiveAsync(CancellationToken stop)
    {
        while (true)
        {
            if (DBusMessage.Parse(buffer.AsSpan(0, filled), out var length) is { } message)
            {
                buffer.AsSpan(length, filled - length).CopyTo(buffer);
                filled -= length;
                Attach(message.Descriptors);
                return message;
            }
            await ReadableAsync(stop);
            filled += Receive(buffer.AsSpan(filled));
        }
    }

    public void Dispose()
    {
        socket.Dispose();
        Close(attached);
        Close(descriptors);
    }

    /// <summary>Anybody may send a message with descriptors; they must neither pile up nor be taken for the lock.</summary>
    void Attach(uint count)
    {
        Close(attached);
        for (; count > 0; count--)
        {
            attached.Enqueue(descriptors.TryDequeue(out var next) ? next : throw new IOException("a message came without the file descriptors it speaks of"));
        }
    }

    static void Close(Queue<SafeFileHandle> unused)
    {
        while (unused.TryDequeue(out var one))
        {
            one.Dispose();
        }
    }

    static string SocketPath(string address)
    {
        foreach (var part in address.Split(';')[0].Split(':', 2)[^1].Split(','))
        {
            if (address.StartsWith("unix:", StringComparison.Ordinal) && part.Split('=', 2) is [var key, { Length: > 0 } path] && key is "path" or "abstract")
            {
                return key == "abstract" ? "\0" + path : path;
            }
        }
        throw new IOException($"'{address}' is no address of a bus on this machine; unix:path=/run/dbus/system_bus_socket is usual");
    }

    /// <summary>One line of the handshake.</summary>
    async Task SayAsync(string line, string? expected, CancellationToken stop)
    {
        await WriteAsync(Encoding.ASCII.GetBytes(line + "\r\n"), stop);
        if (expected is null)
        {
            return;
        }
        var answer = new StringBuilder();
        var letter = new byte[1];
        while (!answer.ToString().EndsWith("\r\n", StringComparison.Ordinal) && answer.Length < 512)
        {
            // Letter by letter: what follows the line belongs to the messages.
            await ReadableAsync(stop);
            _ = await socket.ReceiveAsync(letter, SocketFlags.None, stop);
            answer.Append((char)letter[0]);
        }
        if (!answer.ToString().StartsWith(expected, StringComparison.Ordinal))
        {
            throw new IOException($"the bus answers '{answer.ToString().TrimEnd()}' to '{line.TrimStart('\0')}'");
        }
    }

    async Task WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken stop)
    {
        try
        {
            while (bytes.Length > 0)
            {
                bytes = bytes[await socket.SendAsync(bytes, SocketFlags.None, stop)..];
            }
        }
        catch (SocketException failed)
        {
            throw new IOException($"the connection to the bus is gone: {failed.Message}", failed);
        }
    }

    /// <summary>Waits without taking anything: what is read without asking for descriptors loses those that come with it.</summary>
    async Task ReadableAsync(CancellationToken stop)
    {
        try
        {
            if (await socket.ReceiveAsync(new byte[1], SocketFlags.Peek, stop) == 0)
            {
                throw new IOException("the bus closed the connection");
            }
        }
        catch (SocketException failed)
        {
            throw new IOException($"the connection to the bus is gone: {failed.Message}", failed);
        }
    }

    unsafe int Receive(Span<byte> into)
    {
        var control = stackalloc byte[Libc.CMSG_DATA + MostDescriptors * sizeof(int)];
        fixed (byte* bytes = into)
        {
            var vector = new IoVector { Base = bytes, Length = (nuint)into.Length };
            var header = new MessageHeader { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = Libc.CMSG_DATA + MostDescriptors * sizeof(int) };
            var count = (int)Libc.recvmsg((int)socket.Handle, &header, Libc.MSG_DONTWAIT | Libc.MSG_CMSG_CLOEXEC);
            if (count < 0)
            {
                return Marshal.GetLastPInvokeError() is Errno.EINTR or Errno.EAGAIN ? 0 : throw new IOException($"recvmsg failed with errno {Marshal.GetLastPInvokeError()}");
            }
            var ancillary = (ControlHeader*)control;
            if (header.ControlLength >= Libc.CMSG_DATA && ancillary->Level == Libc.SOL_SOCKET && ancillary->Type == Libc.SCM_RIGHTS)
            {
                for (nuint at = Libc.CMSG_DATA; at < ancillary->Length; at += sizeof(int))
                {
                    descriptors.Enqueue(new SafeFileHandle(*(int*)(control + at), ownsHandle: true));
                }
            }
            return count;
        }
    }
}
