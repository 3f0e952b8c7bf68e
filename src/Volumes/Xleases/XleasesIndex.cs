namespace OvirtSpm.Volumes.Xleases;

/// <summary>The whole index as it stands on disk: found by name, changed one record at a time.</summary>
public sealed class XleasesIndex
{
    private readonly byte[] bytes;

    private XleasesIndex(byte[] bytes, string lockspace)
    {
        this.bytes = bytes;
        Error = XleasesHeader.TryParse(bytes, lockspace, out _);
    }

    /// <summary>Not None: nothing may be found or changed in it before it was rebuilt.</summary>
    public XleasesError Error { get; }

    /// <param name="bytes">All of the index; kept.</param>
    public static XleasesIndex Read(byte[] bytes, string lockspace) => bytes.Length == XleasesLayout.IndexBytes
        ? new(bytes, lockspace)
        : throw new ArgumentException($"the index has {XleasesLayout.IndexBytes} bytes, not {bytes.Length}", nameof(bytes));

    /// <summary>A new index, marked as being changed: with the mark gone from its first sector it is valid.</summary>
    /// <param name="records">By their numbers; all others are free.</param>
    public static byte[] Build(string lockspace, long nowSeconds, IReadOnlyDictionary<int, XleasesRecord> records)
    {
        var image = new byte[XleasesLayout.IndexBytes];
        new XleasesHeader(lockspace, nowSeconds, IsUpdating: true).Format(image);
        for (var number = 0; number < XleasesLayout.Records; number++)
        {
            records.GetValueOrDefault(number, XleasesRecord.Free).Format(image.AsSpan(XleasesLayout.RecordOffsetBytes(number)));
        }

        return image;
    }

    public (XleasesError Error, XleasesRecord? Record) this[int number] =>
        (XleasesRecord.TryParse(bytes.AsSpan(XleasesLayout.RecordOffsetBytes(number)), out var record), record);

    /// <returns>The record's number, null when no record has this name.</returns>
    public int? Find(string name)
    {
        for (var number = 0; number < XleasesLayout.Records; number++)
        {
            if (this[number].Record is { IsFree: false } record && record.Name == name)
            {
                return number;
            }
        }

        return null;
    }

    /// <returns>The first free record among the first <paramref name="capacity"/>; null when all are taken or not believed.</returns>
    public int? FindFree(int capacity)
    {
        for (var number = 0; number < capacity; number++)
        {
            if (this[number].Record is { IsFree: true })
            {
                return number;
            }
        }

        return null;
    }

    /// <summary>The one write that changes a record: the sector that holds it, all else in it as it was.</summary>
    /// <returns>Where it goes, from the start of the index.</returns>
    public (int OffsetBytes, byte[] Sector) With(int number, XleasesRecord record, int sectorSize)
    {
        var at = XleasesLayout.RecordOffsetBytes(number);
        record.Format(bytes.AsSpan(at));
        var start = at / sectorSize * sectorSize;
        return (start, bytes[start..(start + sectorSize)]);
    }
}
