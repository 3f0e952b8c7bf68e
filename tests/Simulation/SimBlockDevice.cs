using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata;

namespace OvirtSpm.Simulation;

/// <summary>A range of the shared storage as one life of one host sees it.</summary>
internal sealed class SimBlockDevice(SimPath path, SimProcess process, long startBytes, long sizeBytes) : ILeaseArea, IPvArea
{
    public int SectorSize => path.Disk.SectorSize;

    public long SizeBytes => sizeBytes;

    public string Name => $"lun@{startBytes}";

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        Check(offsetBytes, buffer.Length);
        return path.Issue(new SimIo(process, false, startBytes + offsetBytes, buffer, default));
    }

    public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data)
    {
        Check(offsetBytes, data.Length);
        return path.Issue(SimIo.Write(process, startBytes + offsetBytes, data));
    }

    public ValueTask FlushAsync() => path.Issue(new SimIo(process, false, startBytes, default, default));

    public void Check(long offset, long length)
    {
        if (offset < 0 || length <= 0 || offset % SectorSize != 0 || length % SectorSize != 0 || offset > sizeBytes - length)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"{length} bytes at {offset} are not whole sectors of {SectorSize} within {sizeBytes}");
        }
    }
}
