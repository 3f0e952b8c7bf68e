namespace OvirtSpm.Volumes.Qcow2;

/// <summary>An image whose header was read and believed. Nothing it names is opened.</summary>
public sealed class Qcow2Image
{
    private Qcow2Image(Qcow2Source source, Qcow2Header header, Qcow2Extensions extensions) =>
        (Source, Header, Extensions) = (source, header, extensions);

    public Qcow2Header Header { get; }

    public Qcow2Extensions Extensions { get; }

    public long SizeBytes => Source.SizeBytes;

    /// <summary>Reads of the image so far.</summary>
    public int Reads => Source.Reads;

    public long BytesRead => Source.BytesRead;

    /// <summary>Clusters the image has; the last one may be in part behind its end.</summary>
    public long Clusters => Header.ClustersOf(SizeBytes);

    internal Qcow2Source Source { get; }

    /// <param name="area">Declared to be a qcow2 image by whoever asks: what a guest can write never decides how it is read.</param>
    /// <exception cref="Qcow2Refused"/>
    public static async ValueTask<Qcow2Image> OpenAsync(IImageArea area)
    {
        var source = new Qcow2Source(area);
        var bytes = new byte[(int)Math.Min(area.SizeBytes, Qcow2Header.FirstReadBytes)];
        await source.ReadAsync(0, bytes);
        var header = Qcow2HeaderParser.Parse(bytes);
        if (Math.Min(Qcow2Extensions.NeededBytes(header, bytes), area.SizeBytes) is var needed && needed > bytes.Length)
        {
            bytes = new byte[Math.Min(header.ClusterBytes, area.SizeBytes)];
            await source.ReadAsync(0, bytes);
        }
        return new Qcow2Image(source, header, Qcow2Extensions.Parse(header, bytes));
    }

    /// <summary>May a table of so many entries of 8 bytes lie there?</summary>
    internal bool MayHoldTable(ulong offset, long entries) =>
        offset <= long.MaxValue && Header.IsOnCluster((long)offset) && (long)offset <= SizeBytes - (entries * 8);

    /// <summary>Do the structures that the header names lie inside the image, each for itself?</summary>
    /// <exception cref="Qcow2Refused"/>
    public void CheckLayout()
    {
        List<(string Name, long From, long Bytes)> places =
        [
            ("header", 0, Header.HeaderLengthBytes),
            ("refcount table", Header.RefcountTableOffset, Header.RefcountTableBytes),
        ];
        Add("L1 table", Header.L1Offset, Header.L1Bytes);
        Add("snapshot table", Header.SnapshotTableOffset, Header.Snapshots * (long)Qcow2Snapshots.EntryBytes);
        if (Extensions.BitmapDirectory is { } bitmaps)
        {
            Add("bitmap directory", bitmaps.OffsetBytes, bitmaps.LengthBytes);
        }
        if (Extensions.LuksHeader is { } luks)
        {
            Add("LUKS header", luks.Offset, luks.Length);
        }
        places.Sort((a, b) => a.From.CompareTo(b.From));
        for (var i = 0; i < places.Count; i++)
        {
            var (name, from, bytes) = places[i];
            if (bytes > SizeBytes - from)
            {
                throw new Qcow2Refused(Qcow2Fault.Truncated, $"its {name} ({bytes} bytes at {from}) lies behind its end at {SizeBytes}");
            }
            if (i > 0 && places[i - 1] is var before && before.From + before.Bytes > from)
            {
                throw new Qcow2Refused(Qcow2Fault.BadTable, $"its {name} at {from} lies over its {before.Name} ({before.Bytes} bytes at {before.From})");
            }
        }

        void Add(string name, long from, long bytes)
        {
            if (bytes > 0)
            {
                places.Add((name, from, bytes));
            }
        }
    }
}
