using OvirtSpm.Leases;

namespace OvirtSpm.Node.Bench;

/// <summary>A lease area that remembers what it was asked. Each call is one system call of the lane behind it.</summary>
sealed class CountedArea(ILeaseArea inner) : ILeaseArea
{
    readonly Lock gate = new();
    List<LeaseIoRecord> asked = [];

    public int SectorSize => inner.SectorSize;

    public long SizeBytes => inner.SizeBytes;

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        Add(new LeaseIoRecord(false, offsetBytes, buffer.Length));
        return inner.ReadAsync(offsetBytes, buffer);
    }

    public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data)
    {
        Add(new LeaseIoRecord(true, offsetBytes, data.Length));
        return inner.WriteAsync(offsetBytes, data);
    }

    /// <summary>Everything since the last call.</summary>
    public IReadOnlyList<LeaseIoRecord> Take()
    {
        lock (gate)
        {
            var taken = asked;
            asked = [];
            return taken;
        }
    }

    void Add(LeaseIoRecord io)
    {
        lock (gate)
        {
            asked.Add(io);
        }
    }
}
