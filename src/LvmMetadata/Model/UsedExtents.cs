namespace OvirtSpm.LvmMetadata.Model;

/// <summary>A run of physical extents and the volume it belongs to.</summary>
internal readonly record struct UsedExtents(int PvIndex, long Start, long Length, string Volume);
