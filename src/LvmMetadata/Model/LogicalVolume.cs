using System.Collections.Immutable;

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>One logical volume; immutable. Its bytes in the text are kept and given back as they were.</summary>
public sealed class LogicalVolume
{
    internal LogicalVolume(string name, LvmUuid uuid, ImmutableArray<LvSegment> segments, LogicalVolumeText text)
    {
        Name = name;
        Uuid = uuid;
        Segments = segments;
        Text = text;
        long extents = 0;
        var linear = true;
        foreach (var segment in segments)
        {
            extents += segment.ExtentCount;
            linear &= segment.IsLinear;
        }
        ExtentCount = extents;
        IsLinear = linear && segments.Length > 0;
    }

    public string Name { get; }

    public LvmUuid Uuid { get; }

    /// <summary>In ascending order of <see cref="LvSegment.StartExtent"/>, without a gap.</summary>
    public ImmutableArray<LvSegment> Segments { get; }

    public long ExtentCount { get; }

    public required long SizeBytes { get; init; }

    public required ImmutableArray<string> Tags { get; init; }

    public required ImmutableArray<string> Status { get; init; }

    public required ImmutableArray<string> Flags { get; init; }

    /// <summary>Null when the text does not say.</summary>
    public DateTimeOffset? CreationTime { get; init; }

    /// <summary>Null when the text does not say.</summary>
    public string? CreationHost { get; init; }

    /// <summary>Every segment is one contiguous run on a physical volume.</summary>
    public bool IsLinear { get; }

    /// <summary>False for lvm2's internal volumes.</summary>
    public bool IsVisible => Status.Contains("VISIBLE");

    /// <summary>Why this volume cannot be changed by us; null when it can. It is always preserved.</summary>
    public string? EditRefusal { get; init; }

    /// <summary>The exact bytes, and the place in the group's order.</summary>
    internal LogicalVolumeText Text { get; }

    /// <summary>The same volume with other bytes or another refusal.</summary>
    internal LogicalVolume With(LogicalVolumeText? text = null, string? refusal = null) => new(Name, Uuid, Segments, text ?? Text)
    {
        SizeBytes = SizeBytes,
        Tags = Tags,
        Status = Status,
        Flags = Flags,
        CreationTime = CreationTime,
        CreationHost = CreationHost,
        EditRefusal = refusal ?? EditRefusal,
    };

    public override string ToString() => $"{Name} ({ExtentCount} extents)";
}
