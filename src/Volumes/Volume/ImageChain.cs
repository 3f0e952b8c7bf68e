using System.Collections.Immutable;

namespace OvirtSpm.Volumes.Volume;

/// <summary>The volumes that together are what one volume reads as: itself first, the base last.</summary>
public abstract record ImageChain
{
    /// <summary>QEMU opens a chain recursively, one file descriptor, cache and stack frame a layer; oVirt's own dozens stay far below.</summary>
    public const int LongestChain = 200;

    private ImageChain()
    {
    }

    public sealed record Whole(EquatableList<VolumeInfo> Volumes) : ImageChain;

    /// <param name="Kind">What it is as a problem of the volume.</param>
    /// <param name="Text">For people: what is wrong, at which volume.</param>
    public sealed record Broken(VolumeProblemKind Kind, string Text) : ImageChain;

    /// <param name="volume">Where the chain begins.</param>
    /// <param name="find">A volume of the domain, null when there is none with this uuid.</param>
    public static ImageChain Of(VolumeInfo volume, Func<Guid, VolumeInfo?> find)
    {
        var chain = ImmutableArray.CreateBuilder<VolumeInfo>();
        var seen = new HashSet<Guid>();
        for (var at = volume; ;)
        {
            if (!seen.Add(at.Uuid))
            {
                return new Broken(VolumeProblemKind.ChainLoop, $"its chain comes back to {at.Name}; nothing can open it. Correct the PUUID of one of {List(chain)}");
            }

            chain.Add(at);
            if (at.Parent == Guid.Empty)
            {
                return new Whole(new(chain.ToImmutable()));
            }

            if (chain.Count == LongestChain)
            {
                return new Broken(VolumeProblemKind.ChainTooLong, $"its chain has more than {LongestChain} volumes; merge some of them");
            }

            if (find(at.Parent) is not { } parent)
            {
                return new Broken(VolumeProblemKind.MissingParent, $"{(at == volume ? "its" : at.Name + "'s")} parent {at.Parent} is not in this domain; the chain cannot be opened");
            }

            if (at.Slot is { Format: VolumeFormat.Raw })
            {
                return new Broken(VolumeProblemKind.ChainBroken, $"{at.Name} is raw and names a parent, which a raw volume cannot have");
            }

            at = parent;
        }
    }

    /// <summary>The volumes that name this one as their parent; those whose creation has not ended do not count.</summary>
    public static ImmutableArray<VolumeInfo> ChildrenOf(Guid volume, IEnumerable<VolumeInfo> volumes) =>
        [.. volumes.Where(other => volume != Guid.Empty && other.Parent == volume)];

    private static string List(IEnumerable<VolumeInfo> volumes) => string.Join(", ", volumes.Take(5).Select(volume => volume.Name));
}
