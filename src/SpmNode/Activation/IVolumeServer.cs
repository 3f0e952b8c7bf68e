using OvirtSpm.Node.Activation.Nbd;

namespace OvirtSpm.Node.Activation;

/// <summary>Port: serves exports to QEMU on Unix sockets.</summary>
interface IVolumeServer
{
    /// <summary>Listens on a new socket, mode 0600; a stale one of an earlier life is replaced.</summary>
    IServedVolume Serve(string socketPath, INbdExport export);
}

interface IServedVolume : IAsyncDisposable
{
    string SocketPath { get; }
}
