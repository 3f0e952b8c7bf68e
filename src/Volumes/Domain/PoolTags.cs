using System.Collections.Immutable;
using System.Globalization;

namespace OvirtSpm.Volumes.Domain;

/// <summary>Our own tags of the volume group, unknown to oVirt and carried along by stock LVM2.</summary>
/// <param name="Epoch">Lease version under which the last commit of ours was made; 0 when no commit of ours was made yet.</param>
/// <param name="IoTimeoutSeconds">R19: the pool's io timeout.</param>
/// <param name="WatchdogTimeoutSeconds">R19: the pool's watchdog timeout; 0 where no host has one.</param>
/// <param name="NotForOvirt">The domain has 4096-byte sectors: oVirt's block domains do not know those and must leave it alone.</param>
public readonly record struct PoolTags(ulong Epoch, int IoTimeoutSeconds, int WatchdogTimeoutSeconds, bool NotForOvirt)
{
    public const string EpochPrefix = "SPM_EPOCH=";
    public const string IoTimeoutPrefix = "SPM_IO_TIMEOUT=";
    public const string WatchdogTimeoutPrefix = "SPM_WATCHDOG_TIMEOUT=";
    public const string NotForOvirtTag = "SPM_NOT_FOR_OVIRT=4096";

    /// <summary>What a pool without tags of ours is taken for: sanlock's own defaults.</summary>
    public static readonly PoolTags Default = new(Epoch: 0, IoTimeoutSeconds: 10, WatchdogTimeoutSeconds: 60, NotForOvirt: false);

    public static string EpochTag(ulong epoch) => EpochPrefix + epoch.ToString(CultureInfo.InvariantCulture);

    /// <summary>Our own tags of a volume group, the epoch's and those of <see cref="SpaceTags"/> among them.</summary>
    public static bool IsOurs(string tag) => IsEpoch(tag) || tag == NotForOvirtTag || SpaceTags.IsSpace(tag)
        || tag.StartsWith(IoTimeoutPrefix, StringComparison.Ordinal) || tag.StartsWith(WatchdogTimeoutPrefix, StringComparison.Ordinal);

    /// <summary>The one that each commit sets by itself: whoever changes the others leaves it alone.</summary>
    public static bool IsEpoch(string tag) => tag.StartsWith(EpochPrefix, StringComparison.Ordinal);

    public ImmutableArray<string> ToTags() => [EpochTag(Epoch), .. ToTagsWithoutEpoch()];

    public ImmutableArray<string> ToTagsWithoutEpoch()
    {
        ImmutableArray<string> tags =
        [
            IoTimeoutPrefix + IoTimeoutSeconds.ToString(CultureInfo.InvariantCulture),
            WatchdogTimeoutPrefix + WatchdogTimeoutSeconds.ToString(CultureInfo.InvariantCulture),
        ];
        return NotForOvirt ? tags.Add(NotForOvirtTag) : tags;
    }

    /// <summary>Reads our tags out of all tags of the group; a missing one has its default.</summary>
    /// <returns>
    /// False when a tag of ours appears twice or is not a number. <paramref name="parsed"/> then holds the most careful reading,
    /// the highest of each; do not serve with it before a person has looked (R22: an epoch that is too low lets a former SPM in).
    /// </returns>
    public static bool TryParse(IEnumerable<string> tags, out PoolTags parsed, out string where)
    {
        where = "";
        ulong? epoch = null, ioTimeout = null, watchdog = null;
        var notForOvirt = false;
        foreach (var tag in tags)
        {
            notForOvirt |= tag == NotForOvirtTag;
            if (!Take(tag, EpochPrefix, ulong.MaxValue, 0, ref epoch)
                || !Take(tag, IoTimeoutPrefix, 255, 1, ref ioTimeout)
                || !Take(tag, WatchdogTimeoutPrefix, 3600, 0, ref watchdog))
            {
                where = tag;
            }
        }

        parsed = new PoolTags(
            epoch ?? 0,
            (int)(ioTimeout ?? (ulong)Default.IoTimeoutSeconds),
            (int)(watchdog ?? (ulong)Default.WatchdogTimeoutSeconds),
            notForOvirt);
        return where == "";
    }

    public static DomainState StateOf(IReadOnlyCollection<string> tags) => (tags.Contains(DomainTag.Unready), tags.Contains(DomainTag.Ready)) switch
    {
        (true, true) => DomainState.Contradictory,
        (true, false) => DomainState.Unready,
        (false, true) => DomainState.Ready,
        _ => DomainState.NotADomain,
    };

    /// <returns>False when the tag is the named one but no good, or a second one of its kind.</returns>
    private static bool Take(string tag, string prefix, ulong largest, ulong smallest, ref ulong? value)
    {
        if (!tag.StartsWith(prefix, StringComparison.Ordinal))
        {
            return true;
        }

        if (!ulong.TryParse(tag.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            || number < smallest || number > largest)
        {
            return false;
        }

        var first = value is null || value == number;
        value = value is { } earlier ? Math.Max(earlier, number) : number;
        return first;
    }
}
