using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Activation.Nbd;

namespace OvirtSpm.Simulation.Pool;

/// <summary>Where the product would listen for QEMU: the host's guest of that volume is connected instead.</summary>
internal sealed class SimServer(PoolHost host, SimProcess life) : IVolumeServer
{
    public IServedVolume Serve(string socketPath, INbdExport export)
    {
        var guest = export.ReadOnly ? null : host.GuestOf(export.Name);
        guest?.Attach((VolumeExport)export, life);
        return new Served(socketPath, guest, life);
    }

    private sealed class Served(string socketPath, SimGuest? guest, SimProcess life) : IServedVolume
    {
        public string SocketPath => socketPath;

        public ValueTask DisposeAsync()
        {
            guest?.Detach(life);
            return ValueTask.CompletedTask;
        }
    }
}
