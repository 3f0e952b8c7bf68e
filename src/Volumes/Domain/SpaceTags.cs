using System.Collections.Immutable;
using System.Globalization;

namespace OvirtSpm.Volumes.Domain;

/// <summary>The pool's rules for space, as tags of ours on the volume group: every SPM, whatever host it is on, keeps the same ones.</summary>
/// <remarks>
/// <code>
/// SPM_OVERCOMMIT=300       what volumes may come to need, in percent of the pool; without it anything
/// SPM_RESERVE_PERCENT=5    kept for running guests; the larger of the two counts
/// SPM_RESERVE_MIB=10240
/// SPM_WARN_PERCENT=85      from where on status, log and metrics warn
/// </code>
/// A tag that is no number, or stands there twice, counts as its most careful reading; <see cref="Wrong"/> names it.
/// </remarks>
/// <param name="OvercommitPercent">Null: no limit.</param>
public sealed record SpaceTags(int? OvercommitPercent, int ReservePercent, long ReserveMib, int WarnPercent, EquatableList<string> Wrong)
{
    public const string OvercommitPrefix = "SPM_OVERCOMMIT=";
    public const string ReservePercentPrefix = "SPM_RESERVE_PERCENT=";
    public const string ReserveMibPrefix = "SPM_RESERVE_MIB=";
    public const string WarnPrefix = "SPM_WARN_PERCENT=";

    public const int LeastOvercommitPercent = 1, MostOvercommitPercent = 100_000, MostReservePercent = 90, MostReserveMib = 1 << 30;

    /// <summary>Of a pool whose people said nothing: as oVirt, but for the warning.</summary>
    public static readonly SpaceTags Default = new(null, 0, 0, 85, []);

    public static bool IsSpace(string tag) =>
        tag.StartsWith(OvercommitPrefix, StringComparison.Ordinal) || tag.StartsWith(ReservePercentPrefix, StringComparison.Ordinal)
        || tag.StartsWith(ReserveMibPrefix, StringComparison.Ordinal) || tag.StartsWith(WarnPrefix, StringComparison.Ordinal);

    public static SpaceTags Parse(IEnumerable<string> tags)
    {
        int? overcommit = null, percent = null, mib = null, warn = null;
        var wrong = ImmutableArray.CreateBuilder<string>();
        foreach (var tag in tags.Where(IsSpace))
        {
            if (!Take(tag, OvercommitPrefix, LeastOvercommitPercent, MostOvercommitPercent, Math.Min, ref overcommit)
                || !Take(tag, ReservePercentPrefix, 0, MostReservePercent, Math.Max, ref percent)
                || !Take(tag, ReserveMibPrefix, 0, MostReserveMib, Math.Max, ref mib)
                || !Take(tag, WarnPrefix, 1, 100, Math.Min, ref warn))
            {
                wrong.Add(tag);
            }
        }

        return new SpaceTags(overcommit, percent ?? 0, mib ?? 0, warn ?? Default.WarnPercent, new(wrong.ToImmutable()));
    }

    public ImmutableArray<string> ToTags()
    {
        var tags = ImmutableArray.CreateBuilder<string>();
        void Add(string prefix, long value) => tags.Add(prefix + value.ToString(CultureInfo.InvariantCulture));
        if (OvercommitPercent is { } percent)
        {
            Add(OvercommitPrefix, percent);
        }

        if (ReservePercent > 0)
        {
            Add(ReservePercentPrefix, ReservePercent);
        }

        if (ReserveMib > 0)
        {
            Add(ReserveMibPrefix, ReserveMib);
        }

        if (WarnPercent != Default.WarnPercent)
        {
            Add(WarnPrefix, WarnPercent);
        }

        return tags.ToImmutable();
    }

    private static bool Take(string tag, string prefix, int least, int most, Func<int, int, int> careful, ref int? value)
    {
        if (!tag.StartsWith(prefix, StringComparison.Ordinal))
        {
            return true;
        }

        if (!int.TryParse(tag.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number < least || number > most)
        {
            return false;
        }

        var isSecond = value is { } earlier && earlier != number;
        value = value is { } other ? careful(other, number) : number;
        return !isSecond;
    }
}
