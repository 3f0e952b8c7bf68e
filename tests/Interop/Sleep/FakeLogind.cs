using System.IO.Pipes;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using OvirtSpm.Interop.Nodes;
using OvirtSpm.Node.Linux;

namespace OvirtSpm.Interop.Sleep;

/// <summary>Owns logind's name on a private bus, gives locks out and tells of sleep, as systemd-logind does; puts nothing to sleep.</summary>
/// <remarks>Its lock is the writing end of a pipe, and it is let go when the pipe has no writer any more.</remarks>
sealed class FakeLogind : IAsyncDisposable
{
    readonly Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    readonly List<(string Asked, Task Released)> locks = [];
    readonly Task serving;
    uint serial;

    FakeLogind(string address)
    {
        socket.Connect(new UnixDomainSocketEndPoint(address["unix:path=".Length..].Split(',')[0]));
        var uid = Convert.ToHexString(Encoding.ASCII.GetBytes($"{Libc.geteuid()}"));
        socket.Send(Encoding.ASCII.GetBytes($"\0AUTH EXTERNAL {uid}\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"));
        var answer = "";
        for (var letter = new byte[1]; !answer.EndsWith("AGREE_UNIX_FD\r\n", StringComparison.Ordinal); answer += (char)letter[0])
        {
            Assert.Equal(1, socket.Receive(letter));
        }
        Send(DBusConnection.ToBus("Hello"));
        Send(DBusConnection.ToBus("RequestName", "org.freedesktop.login1") with { Signature = "su", Body = [.. Aligned(DBusMessage.Strings("org.freedesktop.login1")), 0, 0, 0, 0] });
        serving = Task.Factory.StartNew(Serve, TaskCreationOptions.LongRunning);
    }

    /// <summary>What the locks that are held were asked for with.</summary>
    public string[] Held
    {
        get
        {
            lock (locks)
            {
                return [.. locks.Where(held => !held.Released.IsCompleted).Select(held => held.Asked)];
            }
        }
    }

    public static async Task<FakeLogind> StartAsync(PrivateBus bus)
    {
        var logind = new FakeLogind(bus.Address);
        await NodeCluster.WaitAsync(TimeSpan.FromSeconds(30), "the name is owned", () => Task.FromResult(Volatile.Read(ref logind.serial) > 1 && logind.Owns));
        return logind;
    }

    /// <summary>The bus's own name of whoever asked last.</summary>
    public string? Client { get; private set; }

    bool Owns { get; set; }

    public void TellSleep(bool sleeps) => Send(new DBusMessage(DBusMessage.Signal, 0)
    {
        Path = "/org/freedesktop/login1", Interface = "org.freedesktop.login1.Manager", Member = "PrepareForSleep", Signature = "b", Body = [(byte)(sleeps ? 1 : 0), 0, 0, 0],
    });

    public async ValueTask DisposeAsync()
    {
        socket.Shutdown(SocketShutdown.Both);
        await serving;
        socket.Dispose();
    }

    static byte[] Aligned(byte[] bytes) => [.. bytes, .. new byte[(4 - bytes.Length % 4) % 4]];

    void Serve()
    {
        var buffer = new byte[DBusMessage.MostBytes];
        for (var filled = 0; ;)
        {
            while (DBusMessage.Parse(buffer.AsSpan(0, filled), out var length) is { } message)
            {
                buffer.AsSpan(length, filled - length).CopyTo(buffer);
                filled -= length;
                Owns |= message is { Type: DBusMessage.Signal, Member: "NameAcquired" } && Encoding.UTF8.GetString(message.Body).Contains("login1", StringComparison.Ordinal);
                if (message is { Type: DBusMessage.Call, Member: "Inhibit" })
                {
                    Inhibit(message);
                }
            }
            var read = socket.Receive(buffer.AsSpan(filled));
            if (read == 0)
            {
                return;
            }
            filled += read;
        }
    }

    void Inhibit(DBusMessage call)
    {
        var pipe = new AnonymousPipeServerStream(PipeDirection.In);
        var released = Task.Run(() =>
        {
            using (pipe)
            {
                return pipe.ReadByte();
            }
        });
        Client = call.Sender;
        lock (locks)
        {
            locks.Add((Encoding.UTF8.GetString(call.Body), released));
        }
        // To this client alone, and with a descriptor of its own: not the lock.
        Send(new DBusMessage(DBusMessage.Signal, 0) { Destination = call.Sender, Path = "/", Interface = "other.Thing", Member = "Came", Signature = "h", Descriptors = 1, Body = [0, 0, 0, 0] }, (int)socket.Handle);
        var reply = new DBusMessage(DBusMessage.Return, 0) { Destination = call.Sender, ReplyTo = call.Serial, Signature = "h", Descriptors = 1, Body = [0, 0, 0, 0] };
        Send(reply, (int)pipe.ClientSafePipeHandle.DangerousGetHandle());
        pipe.DisposeLocalCopyOfClientHandle();
    }

    unsafe void Send(DBusMessage message, int? descriptor = null)
    {
        lock (socket)
        {
            var bytes = (message with { Serial = ++serial }).Format();
            if (descriptor is null)
            {
                Assert.Equal(bytes.Length, socket.Send(bytes));
                return;
            }
            var control = stackalloc ulong[3];
            *(ControlHeader*)control = new ControlHeader { Length = Libc.CMSG_DATA + sizeof(int), Level = Libc.SOL_SOCKET, Type = Libc.SCM_RIGHTS };
            *(int*)((byte*)control + Libc.CMSG_DATA) = descriptor.Value;
            fixed (byte* first = bytes)
            {
                var vector = new IoVector { Base = first, Length = (nuint)bytes.Length };
                var header = new MessageHeader { Vectors = &vector, VectorCount = 1, Control = (byte*)control, ControlLength = 3 * sizeof(ulong) };
                Assert.Equal(bytes.Length, sendmsg((int)socket.Handle, &header, 0));
            }
        }
    }

    [DllImport("libc")]
    static extern unsafe nint sendmsg(int descriptor, MessageHeader* message, int flags);
}
