using OvirtSpm.Leases;
using OvirtSpm.Volumes.Xleases;

namespace OvirtSpm.Node.Storage;

/// <summary>The index of named leases on the LUN. Any host reads it; only the SPM writes it.</summary>
static class LeaseIndexStore
{
    public static async Task<XleasesIndex> ReadAsync(PoolDomain domain)
    {
        var bytes = new byte[XleasesLayout.IndexBytes];
        await domain.ExternalLeases.ReadAsync(XleasesLayout.IndexOffsetBytes, bytes);
        return XleasesIndex.Read(bytes, domain.Lockspace);
    }

    /// <summary>Writes all of it: marked as being changed first, and the mark taken away by the last, single-sector write.</summary>
    /// <remarks>A crash in between leaves an index that every reader, oVirt's too, refuses until it is rebuilt.</remarks>
    public static async Task WriteWholeAsync(ILeaseArea area, string lockspace, DateTimeOffset now, IReadOnlyDictionary<int, XleasesRecord> records)
    {
        var image = XleasesIndex.Build(lockspace, now.ToUnixTimeSeconds(), records);
        await area.WriteAsync(XleasesLayout.IndexOffsetBytes, image.ToArray());
        new XleasesHeader(lockspace, now.ToUnixTimeSeconds(), IsUpdating: false).Format(image);
        await area.WriteAsync(XleasesLayout.IndexOffsetBytes, image.AsMemory(0, area.SectorSize).ToArray());
    }

    /// <summary>One record, by one single-sector write.</summary>
    public static async Task WriteRecordAsync(ILeaseArea area, XleasesIndex index, int number, XleasesRecord record)
    {
        var (offset, sector) = index.With(number, record, area.SectorSize);
        await area.WriteAsync(XleasesLayout.IndexOffsetBytes + offset, sector);
    }

    /// <summary>For people: why the index cannot be used, and what to do.</summary>
    public static string Explain(XleasesError error) => error switch
    {
        XleasesError.Empty => "no index was ever made in the volume 'xleases'; 'spm lease rebuild-index' makes one from the leases that are there",
        XleasesError.Updating => "a change of the whole index did not end; 'spm lease rebuild-index' makes it anew from the leases that are there",
        XleasesError.WrongVersion => "the index has a version this program does not know; use the program that wrote it",
        XleasesError.WrongLockspace => "the index belongs to another domain: the LUN was copied, or a write went astray; 'spm lease rebuild-index' makes it anew",
        _ => $"the index cannot be believed ({error}); 'spm lease rebuild-index' makes it anew from the leases that are there",
    };
}
