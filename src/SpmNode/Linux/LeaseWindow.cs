using OvirtSpm.Leases;

namespace OvirtSpm.Node.Linux;

/// <summary>A range of a LUN that holds leases, through a lane of their own. Every write is durable when it returns.</summary>
public sealed class LeaseWindow : ILeaseArea
{
    readonly DeviceLane lane;
    readonly long startBytes;

    /// <param name="startBytes">Where on the device the range begins; whole sectors, like its length.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range is not whole sectors, or not inside the device.</exception>
    public LeaseWindow(DeviceLane lane, long startBytes, long sizeBytes)
    {
        lane.Check("A lease area", startBytes, sizeBytes);
        this.lane = lane;
        this.startBytes = startBytes;
        SizeBytes = sizeBytes;
    }

    public int SectorSize => lane.SectorSize;

    public long SizeBytes { get; }

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        RefuseOutside(offsetBytes, buffer.Length);
        return lane.ReadAsync(startBytes + offsetBytes, buffer);
    }

    public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data)
    {
        RefuseOutside(offsetBytes, data.Length);
        return lane.WriteDurableAsync(startBytes + offsetBytes, data);
    }

    // The device would accept it: what lies beyond is the next special volume.
    void RefuseOutside(long offsetBytes, int length)
    {
        if (offsetBytes < 0 || length <= 0 || offsetBytes > SizeBytes - length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offsetBytes), $"{length} bytes at {offsetBytes} are not inside the lease area of {SizeBytes} bytes at {startBytes} of {lane.Name}. Nothing was done.");
        }
    }
}
