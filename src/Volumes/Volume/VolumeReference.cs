using System.Collections.Immutable;

namespace OvirtSpm.Volumes.Volume;

/// <summary>What a name given by a person turned out to mean.</summary>
public abstract record VolumeResolution
{
    private VolumeResolution()
    {
    }

    public sealed record Found(VolumeInfo Volume) : VolumeResolution;

    /// <param name="Text">For people: what was asked, and what to do.</param>
    public sealed record Unknown(string Text) : VolumeResolution;

    /// <param name="Volumes">Everything the name fits.</param>
    /// <param name="Text">For people, with the list.</param>
    public sealed record Ambiguous(ImmutableArray<VolumeInfo> Volumes, string Text) : VolumeResolution;
}

/// <summary>Finds a volume by its UUID, by a unique beginning of it, or by its disk's alias.</summary>
public static class VolumeReference
{
    /// <summary>Shorter beginnings are refused: with one letter, which volume is meant changes with every volume that is created.</summary>
    public const int ShortestPrefix = 4;

    private const int ShownAtMost = 10;

    /// <remarks>
    /// A whole UUID always means that volume. Otherwise everything that fits, as an alias or as a beginning, is a candidate; with
    /// two the answer is the list, never a guess: the verb that follows may be <c>delete</c>.
    /// </remarks>
    public static VolumeResolution Resolve(string reference, IEnumerable<VolumeInfo> volumes)
    {
        reference = reference.Trim();
        var all = volumes.ToImmutableArray();
        if (reference.Length == 0)
        {
            return new VolumeResolution.Unknown("no volume was named; give its uuid, the beginning of it, or its alias");
        }

        if (Guid.TryParseExact(reference, "D", out var uuid) && all.FirstOrDefault(volume => volume.Uuid == uuid) is { } exact)
        {
            return new VolumeResolution.Found(exact);
        }

        var candidates = all.Where(volume => volume.Alias == reference || IsPrefix(reference, volume)).ToImmutableArray();
        return candidates switch
        {
            [var only] => new VolumeResolution.Found(only),
            [] => new VolumeResolution.Unknown(
                $"no volume has the uuid or alias '{Shown(reference)}', or a uuid that begins with it (at least {ShortestPrefix} characters); 'spm volume list' shows those there are"),
            _ => new VolumeResolution.Ambiguous(candidates, $"'{Shown(reference)}' fits {candidates.Length} volumes, give the uuid of one: {List(candidates)}"),
        };
    }

    private static bool IsPrefix(string reference, VolumeInfo volume) =>
        reference.Length >= ShortestPrefix && volume.Uuid != Guid.Empty && volume.Name.StartsWith(reference, StringComparison.OrdinalIgnoreCase);

    private static string List(ImmutableArray<VolumeInfo> volumes) =>
        string.Join(", ", volumes.Take(ShownAtMost).Select(volume => volume.Alias is { } alias ? $"{volume.Name} ({alias})" : volume.Name))
        + (volumes.Length > ShownAtMost ? $" and {volumes.Length - ShownAtMost} more" : "");

    private static string Shown(string reference) => reference.Length <= 80 ? reference : reference[..80] + "…";
}
