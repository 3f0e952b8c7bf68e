using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Edit;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>A volume group as one text describes it; immutable. Changes go through <see cref="VolumeGroupDraft"/>.</summary>
public sealed class VolumeGroup
{
    /// <summary>Tag that carries the writer's epoch in every commit of ours: <c>SPM_EPOCH=7</c>.</summary>
    public const string EpochTagPrefix = "SPM_EPOCH=";

    /// <summary>The private key beside it. Stock lvm2 drops keys it does not know, so a text without it is foreign.</summary>
    public const string TripwireKey = "spm_epoch";

    internal VolumeGroup(VolumeGroupInterior interior)
    {
        Interior = interior;
    }

    public required string Name { get; init; }

    public required LvmUuid Uuid { get; init; }

    public required uint Seqno { get; init; }

    public required long ExtentSizeBytes { get; init; }

    public required ImmutableArray<string> Status { get; init; }

    public required ImmutableArray<string> Flags { get; init; }

    /// <summary>The host, or whoever else, that lvm2 lets work on this group; empty: every host.</summary>
    public required string SystemId { get; init; }

    public required ImmutableArray<string> Tags { get; init; }

    public required ImmutableArray<PhysicalVolume> PhysicalVolumes { get; init; }

    /// <summary>In text order.</summary>
    public required ImmutableArray<LogicalVolume> LogicalVolumes { get; init; }

    /// <summary>Highest epoch of the tags; null when this group never was ours.</summary>
    public required ulong? Epoch { get; init; }

    /// <summary>The last writer was one of ours: the private key is there and agrees with the tag.</summary>
    public required bool HasTripwire { get; init; }

    /// <summary>Why the group must not be written by us; null when it may.</summary>
    public required string? WriteRefusal { get; init; }

    /// <summary>What the last writer said it did; empty when it did not say.</summary>
    public required string Description { get; init; }

    /// <summary>Host of the last writer; empty when it did not say.</summary>
    public required string WriterHost { get; init; }

    public MetadataVersion Version => new(Epoch ?? 0, Seqno);

    public long TotalExtents
    {
        get
        {
            long total = 0;
            foreach (var pv in PhysicalVolumes)
            {
                total += pv.ExtentCount;
            }
            return total;
        }
    }

    /// <summary>Extents a new or growing volume may get: those of allocatable physical volumes that nothing uses.</summary>
    public long FreeExtents => Interior.Free.AllocatableExtents;

    /// <param name="text">The text as it lies on disk, with or without its closing NUL. Kept; must not change afterwards.</param>
    /// <param name="group">Null when the text is not a volume group that lvm2 would read.</param>
    /// <returns>What is wrong and where, or null.</returns>
    public static string? TryParse(ReadOnlyMemory<byte> text, out VolumeGroup? group) => VolumeGroupParser.Parse(text, out group);

    /// <summary>The volume of that name, or null. Does not depend on how many there are.</summary>
    public LogicalVolume? Find(string name) => Interior.ByName.Find(name);

    /// <summary>Bytes of the text without its closing NUL.</summary>
    public int TextLength => VolumeGroupText.Length(this);

    /// <summary>Writes the text, without its closing NUL.</summary>
    /// <param name="destination">At least <see cref="TextLength"/> bytes.</param>
    public int WriteText(Span<byte> destination) => VolumeGroupText.Write(this, destination);

    internal VolumeGroupInterior Interior { get; }

    public override string ToString() => $"{Name} (epoch {Epoch?.ToString() ?? "none"}, seqno {Seqno})";
}
