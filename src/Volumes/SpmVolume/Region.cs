namespace OvirtSpm.Volumes.SpmVolume;

/// <summary>What a region of the volume <c>spm</c> holds; the number on disk.</summary>
public enum RegionKind : uint
{
    HostRecordsFirst = 1,
    HostRecordsSecond = 2,
    ActivationMaps = 3,
    Journal = 4,
}

/// <param name="OffsetBytes">From the start of the LV, a multiple of 4096.</param>
/// <param name="SizeBytes">A multiple of 4096.</param>
public readonly record struct Region(long OffsetBytes, long SizeBytes)
{
    public long EndBytes => OffsetBytes + SizeBytes;
}
