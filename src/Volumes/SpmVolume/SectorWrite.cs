namespace OvirtSpm.Volumes.SpmVolume;

/// <summary>Bytes to be written to the LV <c>spm</c>, whole sectors.</summary>
/// <param name="OffsetBytes">From the start of the LV.</param>
public sealed record SectorWrite(long OffsetBytes, byte[] Bytes);
