using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>The extents that nothing uses, as runs; immutable, so drafts share it and a failed change costs nothing.</summary>
/// <remarks>
/// Two orders of the same runs: by place (for growing and freeing) and, for each physical volume, by size (for best fit). Every
/// change costs a few steps down a tree, whatever the number of volumes; it is worked out from the text only once, when a text is
/// read. Among physical volumes the emptiest one gives first, so that they fill evenly and guests' I/O is spread over them.
/// </remarks>
internal sealed class FreeSpace
{
    private static readonly IComparer<ExtentRun> ByPlace = Comparer<ExtentRun>.Create(static (a, b) =>
        a.PvIndex != b.PvIndex ? a.PvIndex.CompareTo(b.PvIndex) : a.Start.CompareTo(b.Start));

    private static readonly IComparer<ExtentRun> BySize = Comparer<ExtentRun>.Create(static (a, b) =>
        a.Length != b.Length ? a.Length.CompareTo(b.Length)
        : a.PvIndex != b.PvIndex ? a.PvIndex.CompareTo(b.PvIndex) : a.Start.CompareTo(b.Start));

    private readonly ImmutableSortedSet<ExtentRun> places;
    private readonly ImmutableArray<(ImmutableSortedSet<ExtentRun> Sizes, long Extents)> givable;
    private readonly ImmutableArray<bool> allocatable;

    private FreeSpace(
        ImmutableSortedSet<ExtentRun> places, ImmutableArray<(ImmutableSortedSet<ExtentRun> Sizes, long Extents)> givable,
        ImmutableArray<bool> allocatable, long allocatableExtents)
    {
        this.places = places;
        this.givable = givable;
        this.allocatable = allocatable;
        AllocatableExtents = allocatableExtents;
    }

    public long AllocatableExtents { get; }

    /// <summary>All runs, those of physical volumes that give none away included.</summary>
    public IReadOnlyCollection<ExtentRun> Runs => places;

    /// <returns>Null, and why, when two volumes use the same extent or one uses an extent that does not exist.</returns>
    public static FreeSpace? From(ImmutableArray<PhysicalVolume> pvs, List<UsedExtents> used, out string problem)
    {
        used.Sort(static (a, b) => a.PvIndex != b.PvIndex ? a.PvIndex.CompareTo(b.PvIndex) : a.Start.CompareTo(b.Start));
        var runs = new List<ExtentRun>();
        var next = 0;
        problem = "";
        foreach (var pv in pvs)
        {
            long end = 0;
            for (; next < used.Count && used[next].PvIndex == pv.Index; next++)
            {
                var use = used[next];
                if (use.Start < end)
                {
                    problem = $"volumes '{used[next - 1].Volume}' and '{use.Volume}' both use extent {use.Start} of {pv.SectionName}";
                    return null;
                }
                if (use.Start + use.Length > pv.ExtentCount)
                {
                    problem = $"volume '{use.Volume}' uses extent {use.Start + use.Length - 1} of {pv.SectionName}, which has {pv.ExtentCount}";
                    return null;
                }
                if (use.Start > end)
                {
                    runs.Add(new ExtentRun(pv.Index, end, use.Start - end));
                }
                end = use.Start + use.Length;
            }
            if (end < pv.ExtentCount)
            {
                runs.Add(new ExtentRun(pv.Index, end, pv.ExtentCount - end));
            }
        }
        var allocatable = pvs.Select(pv => pv.IsAllocatable).ToImmutableArray();
        var givable = pvs.Select(pv => runs.Where(run => run.PvIndex == pv.Index && allocatable[pv.Index]).ToList())
            .Select(own => (ImmutableSortedSet.CreateRange(BySize, own), own.Sum(run => run.Length))).ToImmutableArray();
        return new FreeSpace(ImmutableSortedSet.CreateRange(ByPlace, runs), givable, allocatable, givable.Sum(pv => pv.Item2));
    }

    /// <summary>The same extents, given away on these physical volumes only. Costs nothing where that is so already.</summary>
    public FreeSpace Offering(ImmutableArray<bool> may)
    {
        if (may.AsSpan().SequenceEqual(allocatable.AsSpan()))
        {
            return this;
        }
        var next = givable.ToBuilder();
        for (var pv = 0; pv < may.Length; pv++)
        {
            if (may[pv] != allocatable[pv])
            {
                var own = may[pv] ? places.Where(run => run.PvIndex == pv).ToList() : [];
                next[pv] = (ImmutableSortedSet.CreateRange(BySize, own), own.Sum(run => run.Length));
            }
        }
        return new FreeSpace(places, next.ToImmutable(), may, next.Sum(pv => pv.Extents));
    }

    /// <summary>With one more physical volume, all of it free.</summary>
    public FreeSpace WithPhysicalVolume(long extents)
    {
        var run = new ExtentRun(allocatable.Length, 0, extents);
        return new FreeSpace(
            places.Add(run), givable.Add((ImmutableSortedSet.Create(BySize, run), extents)), allocatable.Add(true), AllocatableExtents + extents);
    }

    /// <summary>How many extents from this one on are free and may be given away.</summary>
    public long GivableAt(int pv, long start) =>
        pv >= 0 && pv < allocatable.Length && allocatable[pv] && Containing(pv, start) is { } run ? run.End - start : 0;

    /// <summary>On the emptiest physical volume that has one: the smallest run that holds so many, the first one among equals.</summary>
    /// <returns>Null when none does.</returns>
    public ExtentRun? BestFit(long length) => Emptiest(length) is { } pv ? SmallestOf(pv, length) : null;

    /// <summary>On the emptiest physical volume that has a run of so many: its largest one, the first among equals.</summary>
    public ExtentRun? Roomiest(long length) => Emptiest(length) is { } pv ? SmallestOf(pv, givable[pv].Sizes.Max.Length) : null;

    /// <summary>The largest run that may be given away; null when there is none.</summary>
    public ExtentRun? Largest()
    {
        var longest = 0L;
        foreach (var (sizes, _) in givable)
        {
            longest = sizes.IsEmpty ? longest : Math.Max(longest, sizes.Max.Length);
        }
        return longest == 0 ? null : Roomiest(longest);
    }

    /// <exception cref="InvalidOperationException">Not all of them are free.</exception>
    public FreeSpace Take(ExtentRun taken)
    {
        if (Containing(taken.PvIndex, taken.Start) is not { } run || run.End < taken.End)
        {
            throw new InvalidOperationException($"{taken} is not free");
        }
        var next = Without(run);
        if (run.Start < taken.Start)
        {
            next = next.With(new ExtentRun(run.PvIndex, run.Start, taken.Start - run.Start));
        }
        return taken.End < run.End ? next.With(new ExtentRun(run.PvIndex, taken.End, run.End - taken.End)) : next;
    }

    /// <exception cref="InvalidOperationException">Some of them are free already.</exception>
    public FreeSpace Release(ExtentRun freed)
    {
        var next = this;
        if (Containing(freed.PvIndex, freed.Start) is not null || Following(freed.PvIndex, freed.Start) is { } later && later.Start < freed.End)
        {
            throw new InvalidOperationException($"{freed} is free already");
        }
        if (freed.Start > 0 && Containing(freed.PvIndex, freed.Start - 1) is { } before)
        {
            next = next.Without(before);
            freed = new ExtentRun(freed.PvIndex, before.Start, before.Length + freed.Length);
        }
        if (Containing(freed.PvIndex, freed.End) is { } after)
        {
            next = next.Without(after);
            freed = freed with { Length = freed.Length + after.Length };
        }
        return next.With(freed);
    }

    private ExtentRun? Containing(int pv, long extent)
    {
        var index = places.IndexOf(new ExtentRun(pv, extent, 0));
        index = index >= 0 ? index : ~index - 1;
        return index >= 0 && places[index] is var run && run.PvIndex == pv && run.Start <= extent && extent < run.End ? run : null;
    }

    private ExtentRun? Following(int pv, long extent)
    {
        var index = places.IndexOf(new ExtentRun(pv, extent, 0));
        index = index >= 0 ? index : ~index;
        return index < places.Count && places[index].PvIndex == pv ? places[index] : null;
    }

    private int? Emptiest(long length)
    {
        int? best = null;
        for (var pv = 0; pv < givable.Length; pv++)
        {
            if (!givable[pv].Sizes.IsEmpty && givable[pv].Sizes.Max.Length >= length && (best is not { } other || givable[pv].Extents > givable[other].Extents))
            {
                best = pv;
            }
        }
        return best;
    }

    /// <summary>Of its runs that hold so many, the smallest one, the first among equals.</summary>
    private ExtentRun SmallestOf(int pv, long length)
    {
        var sizes = givable[pv].Sizes;
        return sizes[~sizes.IndexOf(new ExtentRun(-1, -1, length))];
    }

    private FreeSpace With(ExtentRun run) => new(places.Add(run), Givable(run, run.Length), allocatable, AllocatableExtents + (allocatable[run.PvIndex] ? run.Length : 0));

    private FreeSpace Without(ExtentRun run) => new(places.Remove(run), Givable(run, -run.Length), allocatable, AllocatableExtents - (allocatable[run.PvIndex] ? run.Length : 0));

    private ImmutableArray<(ImmutableSortedSet<ExtentRun> Sizes, long Extents)> Givable(ExtentRun run, long extents)
    {
        if (!allocatable[run.PvIndex])
        {
            return givable;
        }
        var (sizes, before) = givable[run.PvIndex];
        return givable.SetItem(run.PvIndex, (extents > 0 ? sizes.Add(run) : sizes.Remove(run), before + extents));
    }
}
