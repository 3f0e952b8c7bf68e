using OvirtSpm.Node.Activation;

namespace OvirtSpm.Node.Storage;

/// <summary>The bytes of a volume, read at the mapped places of its devices: nothing is activated, nothing is written.</summary>
/// <param name="owner">Disposed with this; null where somebody else has the devices open.</param>
public sealed class VolumeImage(SegmentTable table, IDisposable? owner = null) : IImageFile
{
    /// <summary>No single read is longer: the memory behind one is whole sectors, and bounded.</summary>
    const int LongestRead = 4 << 20;

    public long SizeBytes => table.AllocatedBytes;

    public async ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            var part = buffer[..Math.Min(buffer.Length, LongestRead)];
            await ReadSectorsAsync(offsetBytes, part);
            offsetBytes += part.Length;
            buffer = buffer[part.Length..];
        }
    }

    public void Dispose() => owner?.Dispose();

    async ValueTask ReadSectorsAsync(long offsetBytes, Memory<byte> part)
    {
        var sector = table.Devices[0].SectorSize;
        var from = offsetBytes / sector * sector;
        var to = (offsetBytes + part.Length + sector - 1) / sector * sector;
        var whole = from == offsetBytes && to - from == part.Length ? part : new byte[to - from];
        var done = 0;
        foreach (var piece in table.Locate(from, to - from))
        {
            await piece.Device.ReadAsync(piece.DeviceOffsetBytes, whole.Slice(done, (int)piece.LengthBytes));
            done += (int)piece.LengthBytes;
        }
        if (!whole.Equals(part))
        {
            whole.Slice((int)(offsetBytes - from), part.Length).CopyTo(part);
        }
    }
}
