using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata;

namespace OvirtSpm.Simulation;

/// <summary>Writes at once, before the world begins to move.</summary>
internal sealed class FormatArea(SimDisk disk, long start = 0) : ILeaseArea, IPvArea
{
    public int SectorSize => disk.SectorSize;

    public long SizeBytes => disk.Bytes.Length - start;

    public string Name => "lun";

    public FormatArea From(long offset) => new(disk, offset);

    public ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        disk.Bytes.Read(start + offsetBytes, buffer.Span);
        return ValueTask.CompletedTask;
    }

    public ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> data)
    {
        disk.Bytes.Write(start + offsetBytes, data.Span);
        return ValueTask.CompletedTask;
    }

    public ValueTask FlushAsync() => ValueTask.CompletedTask;
}
