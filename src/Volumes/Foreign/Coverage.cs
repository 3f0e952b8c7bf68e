namespace OvirtSpm.Volumes.Foreign;

/// <summary>Which bytes of a disk have come, in whatever order and how often they came.</summary>
public sealed class Coverage(long sizeBytes)
{
    /// <summary>Start → end; disjoint, and never touching each other.</summary>
    readonly SortedList<long, long> runs = [];

    public long SizeBytes => sizeBytes;

    public long CoveredBytes { get; private set; }

    public bool IsWhole => CoveredBytes == sizeBytes;

    /// <exception cref="ArgumentOutOfRangeException">Not inside the disk.</exception>
    public void Add(long offsetBytes, long lengthBytes)
    {
        if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes > sizeBytes - lengthBytes)
        {
            throw new ArgumentOutOfRangeException(nameof(offsetBytes), $"{lengthBytes} bytes at {offsetBytes} are not inside {sizeBytes}");
        }
        if (lengthBytes == 0)
        {
            return;
        }
        var (start, end) = (offsetBytes, offsetBytes + lengthBytes);
        for (var at = FirstEndingAtOrAfter(start); at < runs.Count && runs.GetKeyAtIndex(at) <= end;)
        {
            start = Math.Min(start, runs.GetKeyAtIndex(at));
            end = Math.Max(end, runs.GetValueAtIndex(at));
            CoveredBytes -= runs.GetValueAtIndex(at) - runs.GetKeyAtIndex(at);
            runs.RemoveAt(at);
        }
        runs.Add(start, end);
        CoveredBytes += end - start;
    }

    /// <summary>These bytes have not come after all.</summary>
    public void Remove(long offsetBytes, long lengthBytes)
    {
        var (start, end) = (offsetBytes, offsetBytes + lengthBytes);
        for (var at = FirstEndingAtOrAfter(start); lengthBytes > 0 && at < runs.Count && runs.GetKeyAtIndex(at) < end;)
        {
            var (from, to) = (runs.GetKeyAtIndex(at), runs.GetValueAtIndex(at));
            if (to <= start)
            {
                at++;
                continue;
            }
            runs.RemoveAt(at);
            CoveredBytes -= to - from;
            if (from < start)
            {
                runs.Add(from, start);
                CoveredBytes += start - from;
                at++;
            }
            if (to > end)
            {
                runs.Add(end, to);
                CoveredBytes += to - end;
                at++;
            }
        }
    }

    /// <summary>The first gaps, in order.</summary>
    public IReadOnlyList<(long OffsetBytes, long LengthBytes)> Missing(int most)
    {
        var missing = new List<(long, long)>();
        var from = 0L;
        foreach (var (start, end) in runs)
        {
            Gap(start);
            from = end;
        }
        Gap(sizeBytes);
        return missing;

        void Gap(long to)
        {
            if (to > from && missing.Count < most)
            {
                missing.Add((from, to - from));
            }
        }
    }

    int FirstEndingAtOrAfter(long offsetBytes)
    {
        var (low, high) = (0, runs.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = runs.GetValueAtIndex(middle) < offsetBytes ? (middle + 1, high) : (low, middle);
        }
        return low;
    }
}
