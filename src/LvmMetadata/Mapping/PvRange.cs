namespace OvirtSpm.LvmMetadata.Mapping;

/// <summary>A contiguous piece of one physical volume.</summary>
public readonly record struct PvRange(int PvIndex, long PvOffsetBytes, long LengthBytes);
