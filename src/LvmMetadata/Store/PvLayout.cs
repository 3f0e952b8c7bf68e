using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>Where pvcreate would put things on a device.</summary>
/// <remarks>
/// Area 1 begins at byte 4096; its end is rounded up to 1 MiB, there the extents begin. Area 2 begins at the device's end minus the
/// wanted size, rounded down to 1 MiB, and reaches to the end. Source: measured with pvcreate 2.03.16.
/// </remarks>
internal sealed record PvLayout(DiskArea First, DiskArea? Second, long ExtentStartBytes, long ExtentCount)
{
    private const long FirstAreaStart = 4096;
    private const long Alignment = 1 << 20;
    private const long SmallestArea = 32 << 10;

    /// <returns>Null, and why, when the device is too small or the wishes make no sense.</returns>
    public static PvLayout? For(long deviceBytes, int sectorSize, VgCreateOptions options, out string problem)
    {
        var extent = options.ExtentSizeBytes;
        problem = "";
        if (extent < sectorSize || extent > (long)uint.MaxValue * 512 || (!long.IsPow2(extent) && extent % (128 << 10) != 0) || extent % sectorSize != 0 || extent < 1024)
        {
            problem = $"an extent size of {extent} bytes: it must be a power of two from 1 KiB on, or a multiple of 128 KiB, and of the sector size {sectorSize}";
        }
        else if (options.MetadataAreaBytes < SmallestArea || options.MetadataAreaBytes > 1L << 40)
        {
            problem = $"a metadata area of {options.MetadataAreaBytes} bytes: at least {SmallestArea} are needed, at most 1 TiB make sense";
        }
        else if (options.Copies is not (1 or 2))
        {
            problem = $"{options.Copies} metadata copies on one physical volume: 1 or 2 are possible";
        }
        if (problem.Length > 0)
        {
            return null;
        }
        var size = deviceBytes / 512 * 512;
        var start = RoundUp(FirstAreaStart + options.MetadataAreaBytes);
        var end = options.Copies == 2 ? (size - options.MetadataAreaBytes) / Alignment * Alignment : size;
        var extents = (end - start) / extent;
        if (extents < 1)
        {
            problem = $"a device of {deviceBytes} bytes is too small for {options.Copies} metadata areas of {options.MetadataAreaBytes} bytes and one extent of {extent} bytes";
            return null;
        }
        if (extents > uint.MaxValue)
        {
            problem = $"a device of {deviceBytes} bytes has more than {uint.MaxValue} extents of {extent} bytes; choose a larger extent size";
            return null;
        }
        return new PvLayout(
            new DiskArea(FirstAreaStart, start - FirstAreaStart), options.Copies == 2 ? new DiskArea(end, size - end) : null, start, extents);
    }

    private static long RoundUp(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;
}
