using System.Net.Sockets;
using OvirtSpm.Monitor.Qmp;

namespace OvirtSpm.Interop.Qemu;

/// <summary>A real QEMU's QMP socket.</summary>
internal sealed class QemuMonitorSocket(string path) : IQmpTransport
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
        catch (SocketException error)
        {
            socket.Dispose();
            throw new IOException(error.Message, error);
        }
    }
}
