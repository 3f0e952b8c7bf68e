namespace OvirtSpm.Node.Api;

/// <summary>One volume as people and programs see it. Sizes are bytes.</summary>
public sealed record VolumeReply(
    string Volume,
    string Image,
    string? Alias,
    string Format,
    string Allocation,
    long VirtualSizeBytes,
    long AllocatedBytes,
    long MaximumBytes,
    int? Slot,
    string State,
    IReadOnlyList<string> ActiveOn,
    IReadOnlyList<string> Problems);

/// <summary>Ask for a volume. The caller chooses the uuid, so that asking twice makes one volume.</summary>
/// <param name="VirtualSizeBytes">What the guest will see; 1 byte to 8192 GiB, rounded up to 4 KiB.</param>
/// <param name="Format"><c>cow</c> (thin qcow2) or <c>raw</c> (preallocated).</param>
/// <param name="NoZero">Raw only: do not zero the extents first; whatever they held before becomes readable.</param>
public sealed record CreateVolumeRequest(
    string Volume, string? Image, long VirtualSizeBytes, string Format, string? Alias, bool NoZero);

/// <summary>Ask that a volume be at least this large. Absolute, so that asking twice extends once.</summary>
/// <param name="SizeBytes">Cow: the allocation. Raw: capacity and allocation.</param>
/// <param name="HostId">The host that has the volume active and asks for itself; null when a person asks.</param>
/// <param name="Epoch">The highest epoch the asking host has seen; a leader below it is no leader.</param>
public sealed record ExtendVolumeRequest(long SizeBytes, int? HostId, ulong? Generation, ulong? Epoch);

/// <summary>The answer that a host loads without reading metadata (R12).</summary>
/// <param name="Segments">All segments of the volume in order.</param>
public sealed record ExtendVolumeReply(
    string Volume, long AllocatedBytes, long MaximumBytes, ulong Epoch, uint Seqno, IReadOnlyList<SegmentReply> Segments);

/// <summary>A run of extents: where on which physical volume, bytes.</summary>
public sealed record SegmentReply(string PvUuid, long PvOffsetBytes, long LengthBytes);

public sealed record DeleteVolumeReply(string Volume, long FreedBytes, uint Seqno);

/// <param name="BlockDevice">The QEMU option that opens this volume, <c>reconnect-delay</c> included.</param>
public sealed record ActivateVolumeReply(string Volume, string Socket, bool ReadOnly, long AllocatedBytes, long MaximumBytes, string BlockDevice, bool Exclusive = false);

public sealed record ErrorReply(string Error, string Code);
