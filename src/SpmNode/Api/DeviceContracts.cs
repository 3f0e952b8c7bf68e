namespace OvirtSpm.Node.Api;

/// <summary>Ask for one more device in the domain.</summary>
/// <param name="Path">On the SPM's host, and one of those it was given.</param>
public sealed record AddDeviceRequest(string Path);

/// <summary>What the domain has of one of its devices.</summary>
/// <param name="BeforeBytes">In extents, as <paramref name="Bytes"/>.</param>
public sealed record ResizeDeviceReply(string Path, string PvUuid, long BeforeBytes, long Bytes);

/// <param name="Path">Where the SPM's host sees it.</param>
/// <param name="Added">False: it was one of the domain's devices already.</param>
/// <param name="FreeBytes">Of the whole domain, as far as the SPM's host sees it.</param>
public sealed record AddDeviceReply(string Path, string PvUuid, bool Added, long SizeBytes, long TotalBytes, long FreeBytes, uint Seqno);
