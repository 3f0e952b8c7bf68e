using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Linux;

/// <summary>A LUN with three lanes: leases and records, metadata, data.</summary>
public sealed class Lun : ILun
{
    /// <summary>QEMU keeps up to 16 requests in flight per disk; more threads than this only queue in the device.</summary>
    const int DataThreads = 8;

    readonly DirectBlockDevice device;
    readonly DeviceLane leases, metadata, data;

    Lun(DirectBlockDevice device)
    {
        this.device = device;
        leases = device.OpenLane("leases");
        metadata = device.OpenLane("metadata", inline: true);
        data = device.OpenLane("data", DataThreads);
        Metadata = new PvArea(metadata);
    }

    public string Path => device.Path;

    public int SectorSize => device.SectorSize;

    public long SizeBytes => device.SizeBytes;

    public IPvArea Metadata { get; }

    public IDataDevice Data => data;

    /// <exception cref="Refusal">Not a device, too small, no direct I/O, no permission: with the remedy.</exception>
    public static Lun Open(string path, bool readOnly = false, int? sectorSize = null, long minimumBytes = 0)
    {
        try
        {
            return new Lun(DirectBlockDevice.Open(path, readOnly, sectorSize, minimumBytes));
        }
        catch (DeviceRefusedException refused)
        {
            throw new Refusal(RefusalCode.Conflict, refused.Message);
        }
    }

    public ILeaseArea Window(long offsetBytes, long lengthBytes) => new LeaseWindow(leases, offsetBytes, lengthBytes);

    public bool TryLock(long offsetBytes, long lengthBytes) => device.TryLockRange(offsetBytes, lengthBytes);

    public void Unlock(long offsetBytes, long lengthBytes) => device.UnlockRange(offsetBytes, lengthBytes);

    public Task WhenControlWritesReturnedAsync() => Task.WhenAll(leases.WhenWritesReturnedAsync(), metadata.WhenWritesReturnedAsync());

    public Task WhenAllWritesReturnedAsync() => device.WhenWritesReturnedAsync();

    public void Dispose() => device.Dispose();
}
