using System.Text.Json.Serialization;

namespace OvirtSpm.Node.Api;

/// <summary>One volume as people and programs see it. Sizes are bytes.</summary>
/// <param name="Growth">Only from a node that has it active and watches its guest.</param>
public sealed record VolumeReply(
    string Volume,
    string Image,
    string? Parent,
    string Role,
    string? Alias,
    string Format,
    string Allocation,
    long VirtualSizeBytes,
    long AllocatedBytes,
    long MaximumBytes,
    int? Slot,
    string State,
    IReadOnlyList<string> ActiveOn,
    IReadOnlyList<string> Problems,
    string? Description = null,
    string? Legality = null,
    int? Generation = null,
    GrowthReply? Growth = null)
{
    /// <summary>The answer to a merge that was done before: nothing is left of this volume, and its parent has it all.</summary>
    public static VolumeReply Merged(string volume) => new(volume, "", null, "", null, "cow", "sparse", 0, 0, 0, null, "merged", [], []);
}

/// <summary>Ask for a volume. The caller chooses the uuid, so that asking twice makes one volume.</summary>
/// <param name="VirtualSizeBytes">What the guest will see; 1 byte to 8192 GiB, rounded up to 4 KiB.</param>
/// <param name="Format"><c>cow</c> (thin qcow2) or <c>raw</c> (preallocated).</param>
/// <param name="NoZero">Raw only: do not zero the extents first; whatever they held before becomes readable.</param>
/// <param name="Request">R24: the id of this request, the same whenever it is sent again; null for a caller that counts none.</param>
/// <param name="Parent">Cow only: begin as what this volume reads as, and keep only what differs. A volume that is no template becomes
/// read-only by it; with a size of 0 the parent's is taken.</param>
/// <param name="Source">Begin with a copy of what this volume reads as, its whole chain; with a size of 0 its own is taken.</param>
public sealed record CreateVolumeRequest(
    string Volume, string? Image, long VirtualSizeBytes, string Format, string? Alias, bool NoZero, string? Request = null, string? Parent = null,
    string? Source = null);

/// <summary>Ask that a volume be at least this large. Absolute, so that asking twice extends once.</summary>
/// <param name="SizeBytes">Cow: the allocation. Raw: capacity and allocation.</param>
/// <param name="HostId">The host that has the volume active and asks for itself; null when a person asks.</param>
/// <param name="Epoch">The highest epoch the asking host has seen; a leader below it is no leader.</param>
/// <param name="Request">As in <see cref="CreateVolumeRequest"/>.</param>
/// <param name="ByPerson">A person asks through that host: unlike a running guest's, such a request leaves part of the reserve.</param>
/// <param name="Devices">Uuids of the physical volumes that the asking host sees: it is given extents of these only. Null: of all.</param>
public sealed record ExtendVolumeRequest(
    long SizeBytes, int? HostId, ulong? Generation, ulong? Epoch, string? Request = null, IReadOnlyList<string>? Devices = null, bool ByPerson = false);

/// <summary>The answer that a host loads without reading metadata (R12).</summary>
/// <param name="Segments">All segments of the volume in order.</param>
public sealed record ExtendVolumeReply(
    string Volume, long AllocatedBytes, long MaximumBytes, ulong Epoch, uint Seqno, IReadOnlyList<SegmentReply> Segments);

/// <summary>A run of extents: where on which physical volume, bytes.</summary>
public sealed record SegmentReply(string PvUuid, long PvOffsetBytes, long LengthBytes);

/// <summary>Ask for a change of a volume that no guest uses. Asking twice changes once.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "change")]
[JsonDerivedType(typeof(Reduce), "reduce")]
[JsonDerivedType(typeof(Resize), "resize")]
[JsonDerivedType(typeof(Share), "share")]
[JsonDerivedType(typeof(Describe), "describe")]
[JsonDerivedType(typeof(Merge), "merge")]
[JsonDerivedType(typeof(Collapse), "collapse")]
[JsonDerivedType(typeof(Set), "set")]
public abstract record VolumeChange
{
    /// <summary>R24: the id of this request, the same whenever it is sent again; null for a caller that counts none.</summary>
    public string? Request { get; init; }

    /// <summary>The guarded-operation rule, as oVirt has it: refused unless the volume has this generation, and raised when it is done. Null: whatever it has.</summary>
    public int? ExpectedGeneration { get; init; }

    /// <summary>What the volume holds goes into what is below it: that takes as long as the data do, so it is a task, and the volume is gone afterwards.</summary>
    [JsonIgnore]
    public bool IsMerge => this is Merge or Collapse;

    /// <summary>Give back the space behind the last used cluster of a cow volume.</summary>
    public sealed record Reduce : VolumeChange;

    /// <summary>Make the disk of a cow volume larger.</summary>
    public sealed record Resize(long VirtualSizeBytes) : VolumeChange;

    /// <summary>Make it a template, read-only for everybody.</summary>
    public sealed record Share : VolumeChange;

    /// <summary>Give it another name for people.</summary>
    public sealed record Describe(string Alias) : VolumeChange;

    /// <summary>Write it into its parent and delete it; the answer is the parent.</summary>
    public sealed record Merge : VolumeChange;

    /// <summary>Write it and everything between into the base of its chain; the answer is the base.</summary>
    public sealed record Collapse : VolumeChange;

    /// <summary>What is said of it; null stays as it is.</summary>
    /// <param name="Description">The whole text, as oVirt's engine writes it; an alias is inside it as <c>{"DiskAlias":"…"}</c>.</param>
    /// <param name="Legality"><c>legal</c> or <c>illegal</c>: an illegal volume is served to nobody.</param>
    /// <param name="NextGeneration">Raise the generation: whoever still works with the old one is refused from then on.</param>
    public sealed record Set(string? Description = null, string? Legality = null, bool NextGeneration = false) : VolumeChange;
}

/// <param name="NotDiscarded">Devices that were to be told and take no discards; null when there are none.</param>
public sealed record DeleteVolumeReply(string Volume, long FreedBytes, uint Seqno, IReadOnlyList<string>? NotDiscarded = null);

/// <param name="BlockDevice">The QEMU option that opens this volume, <c>reconnect-delay</c> included.</param>
/// <param name="Chain">For a volume with a parent: every -blockdev option that opens the disk, the base first; the last one is the disk.</param>
public sealed record ActivateVolumeReply(
    string Volume, string Socket, bool ReadOnly, long AllocatedBytes, long MaximumBytes, string BlockDevice, IReadOnlyList<string> Chain, bool Exclusive = false);

public sealed record ErrorReply(string Error, string Code);
