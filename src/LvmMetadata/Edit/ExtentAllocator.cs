namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>Which free extents a volume gets. The same group and request always give the same answer.</summary>
/// <remarks>
/// First right behind the volume's last extent, so that the segment just grows and the kernel's table keeps one line;
/// then, on the emptiest physical volume that can, the smallest run that holds the rest; when none does, the largest runs one after the other. A growing volume that must
/// jump while there is plenty of room lands in the middle of the largest run: at its front it would stand right behind another
/// growing volume, and every later extend of either would be one more segment in the text and in the kernel's table.
/// </remarks>
internal static class ExtentAllocator
{
    /// <summary>"Plenty": so many times what is needed now.</summary>
    private const long RoomFactor = 16;

    /// <param name="growAt">Where the volume's last segment ends; null for a new volume.</param>
    /// <param name="after">The free space without them.</param>
    /// <returns>Null when there are not enough.</returns>
    public static List<ExtentRun>? Plan(FreeSpace free, long needed, Placement? growAt, out FreeSpace after)
    {
        after = free;
        if (needed > free.AllocatableExtents)
        {
            return null;
        }
        var runs = new List<ExtentRun>(1);
        if (growAt is { } tail && Math.Min(free.GivableAt(tail.PvIndex, tail.StartExtent), needed) is var near and > 0)
        {
            needed -= Take(new ExtentRun(tail.PvIndex, tail.StartExtent, near), runs, ref after);
        }
        if (growAt is not null && needed > 0 && after.Roomiest(needed * RoomFactor) is { } roomy)
        {
            needed -= Take(new ExtentRun(roomy.PvIndex, roomy.Start + (roomy.Length / 2), needed), runs, ref after);
        }
        while (needed > 0)
        {
            var run = (after.BestFit(needed) ?? after.Largest())!.Value;
            needed -= Take(run with { Length = Math.Min(run.Length, needed) }, runs, ref after);
        }
        return runs;
    }

    /// <summary>Exactly there, in one piece.</summary>
    /// <returns>Null when not all of it is free.</returns>
    public static List<ExtentRun>? PlanAt(FreeSpace free, long needed, Placement place, out FreeSpace after)
    {
        after = free;
        if (free.GivableAt(place.PvIndex, place.StartExtent) < needed)
        {
            return null;
        }
        var runs = new List<ExtentRun>(1);
        Take(new ExtentRun(place.PvIndex, place.StartExtent, needed), runs, ref after);
        return runs;
    }

    private static long Take(ExtentRun run, List<ExtentRun> runs, ref FreeSpace free)
    {
        free = free.Take(run);
        runs.Add(run);
        return run.Length;
    }
}
