using System.Collections.Immutable;

namespace OvirtSpm.Volumes.Domain;

/// <summary>What the <c>MDT_</c> tags of a block domain say: version 5, or 4 where it is only read.</summary>
/// <remarks>
/// Keys written: VERSION, SDUUID, TYPE, CLASS, ROLE, DESCRIPTION, POOL_UUID, LOCKPOLICY, LOCKRENEWALINTERVALSEC, LEASETIMESEC,
/// IOOPTIMEOUTSEC, LEASERETRIES, VGUUID, PV0…, ALIGNMENT, BLOCK_SIZE and the checksum. A key this type does not know survives in <see cref="Others"/>.
/// Version 4 has LOGBLKSIZE and PHYBLKSIZE (kept in <see cref="Others"/>) instead of ALIGNMENT and BLOCK_SIZE.
/// The four lease numbers are historic: nothing reads them, oVirt writes them and so do we.
/// </remarks>
public sealed record DomainMetadata
{
    /// <summary>5, or 4.</summary>
    public int Version { get; init; } = DomainLimits.Version;

    public required Guid Domain { get; init; }

    /// <summary>FCP or ISCSI.</summary>
    public string Type { get; init; } = "FCP";

    /// <summary>Data, Iso or Backup.</summary>
    public string Class { get; init; } = "Data";

    /// <summary>Regular or Master.</summary>
    public string Role { get; init; } = "Regular";

    public string Description { get; init; } = "";

    /// <summary>The pool the domain is attached to; null when it is attached to none.</summary>
    public Guid? Pool { get; init; }

    /// <summary>The volume group's LVM uuid, with hyphens.</summary>
    public required string VolumeGroupUuid { get; init; }

    public EquatableList<PhysicalVolumeEntry> PhysicalVolumes { get; init; } = [];

    public long AlignmentBytes { get; init; } = DomainLimits.AlignmentBytes;

    /// <summary>512, or 4096 for a domain that oVirt cannot use.</summary>
    public int BlockSize { get; init; } = 512;

    public string LockPolicy { get; init; } = "";

    public int LockRenewalIntervalSeconds { get; init; } = 5;

    public int LeaseTimeSeconds { get; init; } = 60;

    public int IoOperationTimeoutSeconds { get; init; } = 10;

    public int LeaseRetries { get; init; } = 3;

    /// <summary>Keys unknown here, with their values; they are given back unchanged.</summary>
    public EquatableList<KeyValuePair<string, string>> Others { get; init; } = [];

    /// <returns>Why this cannot be written, for people; null when it can. Ask before <see cref="ToTags"/>.</returns>
    public string? Problem() =>
        Description.Length > DomainLimits.MaximumDescriptionCharacters
            ? $"the description has {Description.Length} characters, at most {DomainLimits.MaximumDescriptionCharacters} are allowed; shorten it"
        : Description.Any(char.IsControl) || Description.Trim() != Description ? "the description has control characters or blanks at its ends; leave them out"
        : BlockSize is not (512 or 4096) ? $"sectors of {BlockSize} bytes are not supported, only 512 and 4096"
        : PhysicalVolumes.FirstOrDefault(entry => !PhysicalVolumeEntry.TryParse(entry.Format(), out var back) || back != entry) is { } wrong
            ? $"the name '{wrong.Guid}' or uuid of a physical volume is empty or has a comma in it"
        : null;

    /// <returns>Every tag of the description, the checksum's included, sorted by key. The state tag is not among them.</returns>
    public ImmutableArray<string> ToTags() => DomainMetadataText.ToTags(this);

    /// <param name="tags">All tags of the volume group; those that do not begin with <c>MDT_</c> are passed over.</param>
    /// <param name="metadata">Null unless the result is <see cref="DomainError.None"/>.</param>
    /// <param name="where">The key or tag the error is about.</param>
    public static DomainError TryParse(IEnumerable<string> tags, out DomainMetadata? metadata, out string where) =>
        DomainMetadataText.TryParse(tags, out metadata, out where);
}
