namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>An exact place for a new volume, e.g. oVirt's <c>metadata</c> at extent 0 of the first physical volume.</summary>
public readonly record struct Placement(int PvIndex, long StartExtent);
