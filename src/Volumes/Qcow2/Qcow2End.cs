namespace OvirtSpm.Volumes.Qcow2;

/// <summary>How far an image reaches: everything in use lies before <see cref="EndOffset"/>.</summary>
/// <param name="EndOffset">Whole clusters from the start of the image; up to a cluster more than a file has.</param>
/// <param name="Reads">Reads of the image that it took.</param>
/// <param name="Dirty">It was not closed, so its refcounts were not believed.</param>
public sealed record ImageEnd(long EndOffset, int Reads, bool Dirty, EndMethod Method);

public enum EndMethod
{
    /// <summary>Three reads: header, refcount table, the last refcount block.</summary>
    Refcounts,

    /// <summary>All tables, because the refcounts cannot be believed.</summary>
    Walk,
}

/// <summary>Finds the end of an image.</summary>
/// <remarks>
/// QEMU writes a refcount before the mapping that needs it, so refcounts may count too much, never too little, with three exceptions:
/// lazy refcounts of an image that was not closed (10 MiB written, killed: 320 KiB by refcounts, 10.3 MiB in truth), an image with the
/// corrupt bit, and refcounts that contradict the header. Then everything the image points to is looked at, and the higher one counts.
/// An image that is open somewhere may be ahead of its bytes: there the write threshold is asked, not this.
/// </remarks>
public static class Qcow2End
{
    /// <exception cref="Qcow2Refused"/>
    public static async ValueTask<ImageEnd> FindAsync(IImageArea area)
    {
        var image = await Qcow2Image.OpenAsync(area);
        image.CheckLayout();
        var header = image.Header;
        var table = await Qcow2RefcountTable.ReadAsync(image);
        var (last, beyond) = await table.LastUsedAsync();
        var counted = last + 1;
        var known = Math.Max(header.ClustersOf(header.L1Offset + header.L1Bytes), header.ClustersOf(header.RefcountTableOffset + header.RefcountTableBytes));
        if (!header.IsDirty && !header.IsCorrupt && !beyond && counted >= known)
        {
            return new ImageEnd(counted << header.ClusterBits, image.Reads, false, EndMethod.Refcounts);
        }
        var highest = new Highest(image);
        await new Qcow2Walk(image, highest, eachTableOnce: true).RunAsync();
        return highest.Clusters <= image.Clusters
            ? new ImageEnd(Math.Max(highest.Clusters, counted) << header.ClusterBits, image.Reads, header.IsDirty, EndMethod.Walk)
            : throw new Qcow2Refused(
                Qcow2Fault.Truncated, $"it uses {highest.Clusters << header.ClusterBits} bytes, and only {image.SizeBytes} are there: its end was cut off");
    }

    private sealed class Highest(Qcow2Image image) : IQcow2References
    {
        public long Clusters { get; private set; }

        public void Uses(long offsetBytes, long lengthBytes, bool? copied = null) =>
            Clusters = Math.Max(Clusters, offsetBytes > long.MaxValue - lengthBytes ? long.MaxValue >> image.Header.ClusterBits : image.Header.ClustersOf(offsetBytes + lengthBytes));

        public void Maps(bool compressed)
        {
            // Where data lie is told by Uses; how many there are does not matter here.
        }

        public void Wrong(Qcow2Fault fault, string what) => throw new Qcow2Refused(fault, what);
    }
}
