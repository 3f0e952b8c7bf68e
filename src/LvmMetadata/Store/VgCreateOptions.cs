using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>A new group on one physical volume.</summary>
public sealed record VgCreateOptions
{
    public required string Name { get; init; }

    public required LvmUuid VgUuid { get; init; }

    public required LvmUuid PvUuid { get; init; }

    public long ExtentSizeBytes { get; init; } = 128L << 20;

    /// <summary>As <c>pvcreate --metadatasize</c>; the first area grows to the next alignment as there.</summary>
    public long MetadataAreaBytes { get; init; } = 128L << 20;

    /// <summary>1 or 2 metadata copies; R5 lets us write only groups with two.</summary>
    public int Copies { get; init; } = 2;

    public IReadOnlyList<string> Tags { get; init; } = [];

    public bool NoAutoActivation { get; init; } = true;

    /// <summary>Null makes a group as stock lvm2's: without epoch tag and tripwire.</summary>
    public ulong? Epoch { get; init; }

    /// <summary>Path of the device, a hint for people.</summary>
    public string DeviceHint { get; init; } = "";

    /// <summary>Zero whatever signatures the device carries instead of refusing.</summary>
    public bool Wipe { get; init; }
}
