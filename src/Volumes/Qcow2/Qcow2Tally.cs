namespace OvirtSpm.Volumes.Qcow2;

/// <summary>Refcounts as they are stored and as they should be, cluster by cluster.</summary>
internal sealed class Qcow2Tally(Qcow2Image image) : IQcow2References
{
    private const int MostFindings = 20;
    private readonly ushort[] stored = new ushort[image.Clusters], counted = new ushort[image.Clusters];

    public long Corruptions { get; private set; }

    public long Leaks { get; private set; }

    public long Allocated { get; private set; }

    public long Compressed { get; private set; }

    /// <summary>Clusters up to the last one that is in use or counts as used.</summary>
    public long Last { get; private set; }

    public List<string> Findings { get; } = [];

    public long Try(Func<long> read)
    {
        try
        {
            return read();
        }
        catch (Qcow2Refused refused)
        {
            Wrong(refused.Fault, refused.Message);
            return 0;
        }
    }

    public void Store(long first, ReadOnlySpan<byte> block)
    {
        var count = Math.Clamp(stored.Length - first, 0, image.Header.RefcountBlockEntries);
        for (var i = 0; i < count; i++)
        {
            stored[first + i] = (ushort)Math.Min(ushort.MaxValue, Qcow2RefcountBlock.Get(block, image.Header.RefcountOrder, i));
        }
    }

    public void Uses(long offsetBytes, long lengthBytes, bool? copied = null)
    {
        if (lengthBytes <= 0)
        {
            return;
        }
        var first = offsetBytes >> image.Header.ClusterBits;
        if (offsetBytes > long.MaxValue - lengthBytes || (offsetBytes + lengthBytes - 1) >> image.Header.ClusterBits >= counted.Length)
        {
            Wrong(Qcow2Fault.Truncated, $"{lengthBytes} bytes at {offsetBytes} lie behind its end at {image.SizeBytes}");
            return;
        }
        for (var at = first; at <= (offsetBytes + lengthBytes - 1) >> image.Header.ClusterBits; at++)
        {
            counted[at] += (ushort)(counted[at] < ushort.MaxValue ? 1 : 0);
        }
        if (copied is { } says && says != (stored[first] == 1))
        {
            // The flag says "write in place": with a refcount above 1 that would write into a snapshot.
            Wrong(Qcow2Fault.BadEntry, $"the entry for the cluster at {offsetBytes} says that its refcount is {(says ? "" : "not ")}1; it is {stored[first]}");
        }
    }

    public void Maps(bool compressed)
    {
        Allocated++;
        Compressed += compressed ? 1 : 0;
    }

    public void Wrong(Qcow2Fault fault, string what)
    {
        Corruptions++;
        Tell(what);
    }

    public void Compare()
    {
        for (var i = 0; i < counted.Length; i++)
        {
            if (counted[i] > stored[i])
            {
                Wrong(Qcow2Fault.BadEntry, $"cluster {i} is used {counted[i]} times and counts as used {stored[i]} times");
            }
            else if (counted[i] < stored[i])
            {
                Leaks++;
                Tell($"cluster {i} counts as used {stored[i]} times and is used {counted[i]} times: leaked");
            }
            Last = counted[i] > 0 || stored[i] > 0 ? i + 1 : Last;
        }
    }

    private void Tell(string what)
    {
        if (Findings.Count < MostFindings)
        {
            Findings.Add(what);
        }
    }
}
