using System.Collections.Immutable;

namespace OvirtSpm.Volumes.Qcow2;

/// <summary>What a check of a whole image found.</summary>
/// <param name="Corruptions">Things that can lose data: clusters in use that count as free, impossible entries.</param>
/// <param name="Leaks">Clusters that count as used and that nothing points to: lost space, harmless.</param>
/// <param name="Findings">The first of them, in words.</param>
public sealed record ImageCheck(
    long Corruptions, long Leaks, long EndOffset, long TotalClusters, long AllocatedClusters, long CompressedClusters, bool Dirty, bool Corrupt, int Reads,
    ImmutableArray<string> Findings);

/// <summary>Counts every reference in an image and compares with its refcounts. Reads tables, never data; repairs nothing.</summary>
public static class Qcow2Check
{
    /// <summary>4 bytes of memory each.</summary>
    private const long MostClusters = 64 << 20;

    private const int MostSnapshotsAllowedFor = 1024;

    /// <exception cref="Qcow2Refused"/>
    public static async ValueTask<ImageCheck> RunAsync(IImageArea area)
    {
        var image = await Qcow2Image.OpenAsync(area);
        image.CheckLayout();
        if (image.Clusters > MostClusters)
        {
            throw new Qcow2Refused(Qcow2Fault.TooMuchMetadata, $"it has {image.Clusters} clusters, {MostClusters} at most are counted here; use qemu-img check");
        }
        var header = image.Header;
        var tally = new Qcow2Tally(image);
        var table = await Qcow2RefcountTable.ReadAsync(image);
        var block = new byte[header.ClusterBytes];
        for (var index = 0; index < table.Blocks; index++)
        {
            if (tally.Try(() => table.BlockOffset(index)) is var offset and > 0)
            {
                await image.Source.ReadAsync(offset, block);
                tally.Store(index * header.RefcountBlockEntries, block);
            }
        }
        // Snapshots share L2 tables, and to count, each is read once for every snapshot.
        image.Source.BudgetBytes += Math.Min(header.Snapshots, MostSnapshotsAllowedFor) * image.SizeBytes;
        await new Qcow2Walk(image, tally, eachTableOnce: false).RunAsync();
        tally.Compare();
        return new ImageCheck(
            tally.Corruptions, tally.Leaks, tally.Last << header.ClusterBits, header.ClustersOf(header.VirtualSizeBytes), tally.Allocated, tally.Compressed,
            header.IsDirty, header.IsCorrupt, image.Reads, [.. tally.Findings]);
    }
}
