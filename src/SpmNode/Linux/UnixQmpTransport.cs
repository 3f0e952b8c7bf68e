using System.Net.Sockets;
using OvirtSpm.Monitor.Qmp;

namespace OvirtSpm.Node.Linux;

/// <summary>The way to one QEMU's monitor: its Unix socket.</summary>
sealed class UnixQmpTransport(string path) : IQmpTransport
{
    public string Name => path;

    public async ValueTask<Stream> ConnectAsync(CancellationToken stop)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), stop);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch (Exception failed) when (failed is SocketException or ArgumentException)
        {
            socket.Dispose();
            throw new IOException($"no QEMU answers on {path}: {failed.Message}. Is it running, started with -qmp unix:{path},server=on,wait=off, and is no other client connected?");
        }
    }
}
