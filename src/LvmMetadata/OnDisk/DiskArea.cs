namespace OvirtSpm.LvmMetadata.OnDisk;

/// <summary>A range of the device as a label names it. Size 0 of a data area means "to the end".</summary>
public readonly record struct DiskArea(long OffsetBytes, long SizeBytes);
