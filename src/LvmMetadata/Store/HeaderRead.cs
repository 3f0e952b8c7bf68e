using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>One metadata area's header as it was read just now.</summary>
/// <param name="Error">Why it is not believed.</param>
/// <param name="Header">Meaningless unless there is no error.</param>
internal readonly record struct HeaderRead(HeaderError Error, MdaHeader Header)
{
    public static async ValueTask<HeaderRead> ReadAsync(IPvArea pv, DiskArea area, Memory<byte> buffer)
    {
        // The smallest read the device takes: 512 bytes, or its 4 KiB sector.
        var bytes = buffer[..Math.Max(MdaHeader.Bytes, pv.SectorSize)];
        await pv.ReadAsync(area.OffsetBytes, bytes);
        return new HeaderRead(MdaHeader.TryParse(bytes.Span, area, out var header), header);
    }
}
