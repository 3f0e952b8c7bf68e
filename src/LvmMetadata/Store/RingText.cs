namespace OvirtSpm.LvmMetadata.Store;

/// <summary>A text lying in a ring that no believable header names.</summary>
public sealed record RingText(string PvName, long OffsetBytes, string GroupName, uint Seqno);
