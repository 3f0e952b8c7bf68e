namespace OvirtSpm.Node.Linux;

/// <summary>What a device said about itself when it was opened.</summary>
/// <param name="SizeBytes">A whole number of sectors: an incomplete one at the end of a file is not used.</param>
internal sealed record DeviceGeometry(bool IsBlockDevice, int SectorSize, long SizeBytes, bool ZeroIsFast)
{
    /// <summary><c>MAJOR:MINOR</c>, of the description that is open: the path may lead elsewhere by now. Null for a file.</summary>
    public string? Number { get; init; }

    /// <summary>R13: no data call is longer than this.</summary>
    public const long LongestStepBytes = 32L << 20;

    /// <summary>The most one discard should be; 0 where the device takes none.</summary>
    public long DiscardStepBytes { get; init; } = LongestStepBytes;

    /// <summary>Refuses what is not whole sectors inside the device.</summary>
    /// <remarks>What the kernel refuses depends on file system, driver and version: some of them write misaligned data and report success.</remarks>
    public void Check(string device, string verb, long offsetBytes, long lengthBytes)
    {
        if (offsetBytes < 0 || lengthBytes <= 0 || offsetBytes % SectorSize != 0 || lengthBytes % SectorSize != 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offsetBytes),
                $"{verb} of {lengthBytes} bytes at {offsetBytes} of {device} is not made of whole sectors of {SectorSize} bytes. Nothing was done.");
        }

        if (offsetBytes > SizeBytes - lengthBytes)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offsetBytes),
                $"{verb} of {lengthBytes} bytes at {offsetBytes} reaches past the end of {device} ({SizeBytes} bytes). Nothing was done.");
        }
    }
}
