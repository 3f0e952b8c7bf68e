namespace OvirtSpm.Volumes.Volume;

/// <summary>What the domain stores about one volume: 512 bytes of text in its slot (domain version 5).</summary>
/// <remarks>
/// <code>
/// CAP=10737418240            capacity in bytes, the size the guest sees
/// CTIME=1700000000           seconds since 1970
/// DESCRIPTION={"DiskAlias":"d1"}   at most 210 characters
/// DISKTYPE=DATA              DATA, ISOF, MEMD, MEMM, OVFS, HEVD, HESD, HEMD, HECI, SCRD; old: 1, 2
/// DOMAIN=…  FORMAT=COW  GEN=3 (0..999)  IMAGE=…  LEGALITY=LEGAL  PUUID=… (all zero: no parent)
/// SEQ=7 (0..2^32-1)  TYPE=SPARSE  VOLTYPE=LEAF
/// EOF
/// </code>
/// Lines sorted by key, each ended by a newline, padded with NUL. There is no checksum; ours is in <see cref="SlotRecord"/>.
/// Source: oVirt's block domain, version 5 (golden vector measured). Keys not listed survive in <see cref="OtherLines"/>.
/// </remarks>
public sealed record VolumeSlot
{
    public const int MaximumDescriptionCharacters = 210;
    public const int MaximumGeneration = 999;

    public required long CapacityBytes { get; init; }

    public required long CreatedUnixSeconds { get; init; }

    public string Description { get; init; } = "";

    public string DiskType { get; init; } = "DATA";

    public required Guid Domain { get; init; }

    public required VolumeFormat Format { get; init; }

    /// <summary>Counts guarded operations on the content; wraps from 999 to 0.</summary>
    public int Generation { get; init; }

    public required Guid Image { get; init; }

    public VolumeLegality Legality { get; init; } = VolumeLegality.Legal;

    /// <summary>The volume below in the chain; <see cref="Guid.Empty"/> for none.</summary>
    public Guid Parent { get; init; }

    /// <summary>Order of the snapshots of an image.</summary>
    public uint Sequence { get; init; }

    public required VolumeAllocation Allocation { get; init; }

    public VolumeRole Role { get; init; } = VolumeRole.Leaf;

    /// <summary>Lines <c>KEY=VALUE</c> with keys unknown here, sorted, each ended by a newline.</summary>
    public string OtherLines { get; init; } = "";

    public bool HasParent => Parent != Guid.Empty;

    /// <summary>The name a person gave the disk, null when the description does not carry one.</summary>
    public string? Alias => DiskAlias.Of(Description);

    public VolumeSlot WithNextGeneration() => this with { Generation = Generation >= MaximumGeneration ? 0 : Generation + 1 };

    /// <summary>Writes the text and pads it with NUL.</summary>
    /// <param name="text">Exactly 512 bytes; left as it was unless the result is <see cref="SlotError.None"/>.</param>
    public SlotError Write(Span<byte> text) => SlotText.Write(this, text);

    /// <param name="text">The first 512 bytes of a slot; more may follow and is not looked at.</param>
    /// <param name="slot">Null unless the result is <see cref="SlotError.None"/>.</param>
    /// <param name="key">The key the error is about, empty when it is about none.</param>
    public static SlotError TryParse(ReadOnlySpan<byte> text, out VolumeSlot? slot, out string key) => SlotText.TryParse(text, out slot, out key);

    public static SlotError TryParse(ReadOnlySpan<byte> text, out VolumeSlot? slot) => SlotText.TryParse(text, out slot, out _);
}
