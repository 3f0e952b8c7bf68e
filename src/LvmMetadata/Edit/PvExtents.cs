namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>Where the extents of a device are.</summary>
public readonly record struct PvExtents(long DeviceBytes, long StartBytes, long Count);
