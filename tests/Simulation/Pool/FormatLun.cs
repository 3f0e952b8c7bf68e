using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Simulation.Pool;

/// <summary>The LUN before the world begins to move, and for those who look at it from outside: every I/O is done at once.</summary>
internal sealed class FormatLun(SimDisk disk) : ILun, IDataDevice
{
    private readonly FormatArea area = new(disk);

    public string Path => "lun";

    public string Name => Path;

    public int SectorSize => disk.SectorSize;

    public long SizeBytes => disk.Bytes.Length;

    public bool ZeroIsFast => true;

    public IPvArea Metadata => area;

    public IDataDevice Data => this;

    public ILeaseArea Window(long offsetBytes, long lengthBytes) => area.From(offsetBytes);

    public bool TryLock(long offsetBytes, long lengthBytes) => true;

    public void Unlock(long offsetBytes, long lengthBytes)
    {
    }

    public Task WhenControlWritesReturnedAsync() => Task.CompletedTask;

    public Task WhenAllWritesReturnedAsync() => Task.CompletedTask;

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer) => area.ReadAsync(offsetBytes, buffer);

    public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data) => area.WriteAsync(offsetBytes, data);

    public ValueTask WriteDurableAsync(long offsetBytes, ReadOnlyMemory<byte> data) => area.WriteAsync(offsetBytes, data);

    public ValueTask FlushAsync() => ValueTask.CompletedTask;

    public ValueTask ZeroAsync(long offsetBytes, long lengthBytes, bool mayPunch)
    {
        disk.Bytes.Fill(offsetBytes, lengthBytes, 0);
        return ValueTask.CompletedTask;
    }

    public ValueTask DiscardAsync(long offsetBytes, long lengthBytes) => ValueTask.CompletedTask;

    public void Dispose()
    {
    }
}
