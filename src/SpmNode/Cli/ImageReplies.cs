using OvirtSpm.Volumes.Qcow2;

namespace OvirtSpm.Node.Cli;

/// <summary>What <c>spm image info --json</c> prints.</summary>
sealed record ImageInfoReply(
    long VirtualSizeBytes, long FileSizeBytes, int Version, int ClusterSizeBytes, int RefcountBits, bool LazyRefcounts, bool Dirty, bool Corrupt, bool ExtendedL2,
    string CompressionType, string Encryption, string? BackingFile, string? BackingFormat, string? DataFile, bool DataFileRaw, int Snapshots,
    IReadOnlyList<ImageBitmapReply> Bitmaps, IReadOnlyList<string> Problems, int Reads)
{
    /// <summary>What cannot be believed behind the header becomes a problem: the header itself still says what this is.</summary>
    public static async Task<ImageInfoReply> ReadAsync(IImageArea area)
    {
        var image = await Qcow2Image.OpenAsync(area);
        var header = image.Header;
        var problems = new List<string>();
        IReadOnlyList<Qcow2Bitmap> bitmaps = [];
        try
        {
            image.CheckLayout();
            bitmaps = await Qcow2Bitmaps.ReadAsync(image);
        }
        catch (Qcow2Refused refused)
        {
            problems.Add(refused.Message);
        }
        if (header.IsDirty)
        {
            problems.Add("it was not closed; its refcounts are repaired when it is opened for writing");
        }
        if (header.IsCorrupt)
        {
            problems.Add("damage was found in it, and it cannot be written any more; see 'qemu-img check'");
        }
        return new ImageInfoReply(
            header.VirtualSizeBytes, area.SizeBytes, header.Version, header.ClusterBytes, header.RefcountBits, header.Compatible.HasFlag(Qcow2Compatible.LazyRefcounts),
            header.IsDirty, header.IsCorrupt, header.HasExtendedL2, Word(header.Compression), Word(header.Encryption), image.Extensions.BackingFile,
            image.Extensions.BackingFormat, image.Extensions.DataFile, header.Autoclear.HasFlag(Qcow2Autoclear.DataFileRaw), header.Snapshots,
            [.. bitmaps.Select(bitmap => new ImageBitmapReply(bitmap.Name, bitmap.GranularityBytes, bitmap.InUse, bitmap.Auto))], problems, image.Reads);
    }

    static string Word<T>(T value) where T : struct, Enum => value.ToString().ToLowerInvariant();
}

sealed record ImageBitmapReply(string Name, long GranularityBytes, bool InUse, bool Auto);

/// <summary>What <c>spm image map --json</c> prints for each run; the names are those of <c>qemu-img map</c>.</summary>
sealed record ImageMapReply(long Start, long Length, bool Present, bool Zero, bool Data, bool Compressed, long? Offset)
{
    public static ImageMapReply Of(MapExtent extent, bool hasBacking) => new(
        extent.Start, extent.Length, extent.Kind != MapKind.Unallocated, extent.Kind == MapKind.Zero || (extent.Kind == MapKind.Unallocated && !hasBacking),
        extent.Kind is MapKind.Data or MapKind.Compressed, extent.Kind == MapKind.Compressed, extent.Offset);
}
