using OvirtSpm.Node.Activation.Nbd.Client;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Demo;

/// <summary>One guest: a thin volume on one host, a real QEMU that has it open, the node watching that QEMU, and what the guest writes.</summary>
sealed class DemoGuest : IAsyncDisposable
{
    readonly DemoQemu qemu;
    readonly NbdClient disk;

    DemoGuest(string name, NodeProcess host, VolumeReply volume, DemoQemu qemu, NbdClient disk, PatternData pattern, GuestWriter writer)
    {
        (Name, Host, Volume, this.qemu, this.disk) = (name, host, volume, qemu, disk);
        (Pattern, Writer) = (pattern, writer);
    }

    public string Name { get; }
    public NodeProcess Host { get; }
    public VolumeReply Volume { get; }
    public PatternData Pattern { get; }
    public GuestWriter Writer { get; }

    /// <param name="name">Short: part of socket names.</param>
    public static async Task<DemoGuest> StartAsync(
        ChildProcesses children, RunDirectory run, NodeProcess host, string name, long virtualBytes, WritePlan plan, CancellationToken stop)
    {
        var uuid = Guid.NewGuid();
        var volume = await host.Api.CreateVolumeAsync(
            new($"{uuid}", Image: null, virtualBytes, Format: "cow", Alias: name, NoZero: false), stop);
        var active = await host.Api.ActivateAsync(volume.Volume, readOnly: false, stop);
        var qemu = await DemoQemu.StartAsync(children, run, name, active.BlockDevice, stop);
        try
        {
            var disk = await qemu.OpenDiskAsync(stop);
            if (disk.SizeBytes != virtualBytes)
            {
                throw Refusal.Damaged($"{name} sees a disk of {disk.SizeBytes} bytes instead of {virtualBytes}.");
            }
            var pattern = new PatternData(uuid);
            var writer = new GuestWriter(disk, pattern, plan);
            await writer.WriteHeadAsync(stop);
            await host.Api.WatchAsync(new(qemu.WatchSocket, name), stop);
            return new(name, host, volume, qemu, disk, pattern, writer);
        }
        catch
        {
            await qemu.DisposeAsync();
            throw;
        }
    }

    /// <summary>Ends the guest in good order and gives the volume back; what it wrote stays.</summary>
    public async Task ShutDownAsync(CancellationToken stop)
    {
        await disk.DisposeAsync();
        await Host.Api.UnwatchAsync(Name, stop);
        await qemu.QuitAsync(stop);
        await Host.Api.DeactivateAsync(Volume.Volume, stop);
    }

    public async ValueTask DisposeAsync()
    {
        await qemu.DisposeAsync();
        await disk.DisposeAsync();
    }
}
