using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging;

namespace OvirtSpm.Node.Activation.Nbd;

/// <summary>Serves one export on one Unix socket that only its owner may open (0600).</summary>
public sealed class NbdServer : IAsyncDisposable
{
    /// <summary>sun_path of Linux, less its closing zero.</summary>
    public const int PathBytesMax = 107;

    readonly INbdExport export;
    readonly NbdServerOptions options;
    readonly Socket listener;
    readonly NbdOrphans orphans = new();
    readonly CancellationTokenSource stop = new();
    readonly Lock guard = new();
    readonly Dictionary<NbdConnection, Client> clients = [];
    readonly Task accepting;
    int stopped;

    NbdServer(string path, INbdExport export, NbdServerOptions options, Socket listener)
    {
        SocketPath = path;
        this.export = export;
        this.options = options;
        this.listener = listener;
        accepting = AcceptAsync();
    }

    public string SocketPath { get; }

    public int Connections
    {
        get
        {
            lock (guard)
            {
                return clients.Count;
            }
        }
    }

    /// <summary>Listens. A socket that a killed server left behind is replaced, so that its clients find us when they reconnect.</summary>
    /// <exception cref="IOException">The path is too long, another server answers there, or it cannot be made; the message says which.</exception>
    public static NbdServer Start(string path, INbdExport export, NbdServerOptions? options = null)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new PlatformNotSupportedException("Volumes are served on Unix sockets of Linux only.");
        }

        // Listens under another name first: the real one appears with its permissions set and somebody answering.
        var draft = path + ".new";
        if (Encoding.UTF8.GetByteCount(draft) > PathBytesMax)
        {
            throw new IOException($"The socket path {path} is longer than the {PathBytesMax - 4} bytes a Unix socket may have. Use a shorter run directory.");
        }

        RefuseLiveServer(path);
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            File.Delete(draft);
            listener.Bind(new UnixDomainSocketEndPoint(draft));
            File.SetUnixFileMode(draft, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            listener.Listen(64);
            File.Move(draft, path, overwrite: true);
        }
        catch (Exception problem) when (problem is SocketException or IOException or UnauthorizedAccessException)
        {
            listener.Dispose();
            throw new IOException($"The socket {path} cannot be made: {problem.Message} Check that its directory exists and is writable.", problem);
        }

        return new NbdServer(path, export, options ?? new(), listener);
    }

    /// <summary>Ends the server: held requests are left unanswered (clients with a reconnect delay send them to the next one), what is in the device is waited for.</summary>
    /// <returns>False if something has not returned from the device within the limit; it is counted by the export.</returns>
    public async Task<bool> StopAsync(TimeSpan limit)
    {
        if (Interlocked.Exchange(ref stopped, 1) == 0)
        {
            // The name goes first: whoever finds it free and takes it must not lose it to this line.
            try
            {
                File.Delete(SocketPath);
            }
            catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
            {
                // Its directory is gone, most likely. A leftover name does no harm: nobody answers there.
                options.Logger.LogWarning("{Path} was not removed: {Message}", SocketPath, problem.Message);
            }

            stop.Cancel();
            listener.Dispose();
        }

        await accepting;
        Task[] endings;
        lock (guard)
        {
            endings = [.. clients.Values.Select(client => client.Ended)];
        }

        try
        {
            await Task.WhenAll([orphans.Returned, .. endings]).WaitAsync(limit, options.Clock);
            return true;
        }
        catch (TimeoutException)
        {
            lock (guard)
            {
                foreach (var client in clients.Values)
                {
                    client.Socket.Dispose();
                }
            }

            return false;
        }
    }

    public async ValueTask DisposeAsync() => await StopAsync(TimeSpan.FromSeconds(5));

    static void RefuseLiveServer(string path)
    {
        if (!File.Exists(path))
        {
            return;
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException)
        {
            // Nobody listens: a leftover. A file that is no socket must not be lost by it.
            if (new FileInfo(path).Length > 0)
            {
                throw new IOException($"{path} exists and is not a socket. Move it away.");
            }

            return;
        }

        throw new IOException($"Another server answers on {path}. Two servers of one volume would not know of each other's writes; stop the other one.");
    }

    async Task AcceptAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var socket = await listener.AcceptAsync(stop.Token);
                AbandonTheGone();
                Welcome(socket);
            }
            catch (Exception problem) when (problem is SocketException && !stop.IsCancellationRequested)
            {
                // Out of descriptors, most likely: clients wait in the queue until some are free.
                options.Logger.LogError(problem, "Accepting on {Path} failed: {Message}", SocketPath, problem.Message);
                await Task.Delay(TimeSpan.FromMilliseconds(100), options.Clock);
            }
            catch (Exception problem) when (problem is OperationCanceledException or ObjectDisposedException or SocketException)
            {
                return;
            }
        }
    }

    /// <summary>A client that reconnects has closed its old connection before, but our reader of that one may not have come to its end.</summary>
    void AbandonTheGone()
    {
        List<NbdConnection> lost;
        lock (guard)
        {
            lost = [.. clients.Where(pair => IsClosedByPeer(pair.Value.Socket)).Select(pair => pair.Key)];
        }

        lost.ForEach(connection => connection.Abandon());
    }

    static bool IsClosedByPeer(Socket socket)
    {
        try
        {
            // Sends nothing; a stream whose other end is closed says so although requests may still be unread in it.
            socket.Send(ReadOnlySpan<byte>.Empty);
            return false;
        }
        catch (SocketException problem)
        {
            return problem.SocketErrorCode != SocketError.WouldBlock;
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
    }

    void Welcome(Socket socket)
    {
        lock (guard)
        {
            if (clients.Count >= options.ConnectionsMax)
            {
                options.Logger.LogWarning("{Path} has {Count} clients, one more is turned away.", SocketPath, clients.Count);
                socket.Dispose();
                return;
            }

            var connection = new NbdConnection(new NetworkStream(socket, ownsSocket: false), export, options, orphans);
            var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            clients.Add(connection, new(socket, ended.Task));
            _ = ServeAsync(connection, socket, ended);
        }
    }

    async Task ServeAsync(NbdConnection connection, Socket socket, TaskCompletionSource ended)
    {
        // Leave the accepting loop's lock before anything runs.
        await Task.Yield();
        try
        {
            await connection.RunAsync(stop.Token);
        }
        catch (Exception problem)
        {
            options.Logger.LogWarning("A client of {Path} was dropped: {Message}", SocketPath, problem.Message);
        }
        finally
        {
            socket.Dispose();
            lock (guard)
            {
                clients.Remove(connection);
            }

            ended.SetResult();
        }
    }

    sealed record Client(Socket Socket, Task Ended);
}
