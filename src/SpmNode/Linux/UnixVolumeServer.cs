using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Activation.Nbd;

namespace OvirtSpm.Node.Linux;

/// <summary>Serves exports on Unix sockets, with memory that direct I/O takes as it is.</summary>
sealed class UnixVolumeServer : IVolumeServer
{
    static readonly NbdServerOptions options = new() { Memory = AlignedBufferPool.Shared };

    public IServedVolume Serve(string socketPath, INbdExport export) => new Served(NbdServer.Start(socketPath, export, options));

    sealed class Served(NbdServer server) : IServedVolume
    {
        public string SocketPath => server.SocketPath;

        public ValueTask DisposeAsync() => server.DisposeAsync();
    }
}
