using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Simulation.Pool;

/// <summary>The shared LUN as one life of one host sees it.</summary>
internal sealed class SimLun(SimPath path, SimProcess process) : ILun, IDataDevice
{
    private readonly SimBlockDevice whole = new(path, process, 0, path.Disk.Bytes.Length);
    private readonly OutstandingIo control = new();
    private readonly OutstandingIo data = new();

    public string Path => "lun";

    public string Name => Path;

    public int SectorSize => path.Disk.SectorSize;

    public long SizeBytes => path.Disk.Bytes.Length;

    public bool ZeroIsFast => false;

    public IPvArea Metadata => new CountedArea(whole, control);

    public IDataDevice Data => this;

    public ILeaseArea Window(long offsetBytes, long lengthBytes) =>
        new CountedArea(new SimBlockDevice(path, process, offsetBytes, lengthBytes), control);

    /// <summary>Told when a lock was refused: an earlier life of the machine has I/O in the kernel.</summary>
    public Action? Refused { get; init; }

    /// <summary>R7: the kernel keeps a dead process's lock until its last I/O has returned.</summary>
    public bool TryLock(long offsetBytes, long lengthBytes)
    {
        if (path.TryLock(process, offsetBytes))
        {
            return true;
        }

        Refused?.Invoke();
        return false;
    }

    public void Unlock(long offsetBytes, long lengthBytes)
    {
    }

    public Task WhenControlWritesReturnedAsync() => control.Returned;

    public Task WhenAllWritesReturnedAsync() => Task.WhenAll(control.Returned, data.Returned);

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer) => whole.ReadAsync(offsetBytes, buffer);

    public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> bytes) => data.Count(whole.WriteAsync(offsetBytes, bytes));

    public ValueTask WriteDurableAsync(long offsetBytes, ReadOnlyMemory<byte> bytes) => WriteAsync(offsetBytes, bytes);

    public ValueTask FlushAsync() => whole.FlushAsync();

    public ValueTask ZeroAsync(long offsetBytes, long lengthBytes, bool mayPunch)
    {
        whole.Check(offsetBytes, lengthBytes);
        return WriteAsync(offsetBytes, new byte[lengthBytes]);
    }

    public ValueTask DiscardAsync(long offsetBytes, long lengthBytes)
    {
        whole.Check(offsetBytes, lengthBytes);
        return ValueTask.CompletedTask;
    }

    public void Dispose()
    {
    }

    private sealed class CountedArea(SimBlockDevice device, OutstandingIo writes) : ILeaseArea, IPvArea
    {
        public int SectorSize => device.SectorSize;

        public long SizeBytes => device.SizeBytes;

        public string Name => device.Name;

        public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer) => device.ReadAsync(offsetBytes, buffer);

        public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data) => writes.Count(device.WriteAsync(offsetBytes, data));

        public ValueTask FlushAsync() => device.FlushAsync();
    }

    private sealed class OutstandingIo
    {
        private TaskCompletionSource returned = new();
        private int count;

        public OutstandingIo() => returned.SetResult();

        public Task Returned => returned.Task;

        public async ValueTask Count(ValueTask write)
        {
            if (count++ == 0)
            {
                returned = new TaskCompletionSource();
            }

            try
            {
                await write;
            }
            finally
            {
                if (--count == 0)
                {
                    returned.TrySetResult();
                }
            }
        }
    }
}
