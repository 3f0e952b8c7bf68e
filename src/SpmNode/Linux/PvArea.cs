using OvirtSpm.LvmMetadata;

namespace OvirtSpm.Node.Linux;

/// <summary>A whole LUN as a physical volume, through a lane of its own.</summary>
public sealed class PvArea(DeviceLane lane) : IPvArea
{
    public int SectorSize => lane.SectorSize;

    public long SizeBytes => lane.SizeBytes;

    public string Name => lane.Name;

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer) => lane.ReadAsync(offsetBytes, buffer);

    public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data) => lane.WriteAsync(offsetBytes, data);

    public ValueTask FlushAsync() => lane.FlushAsync();
}
