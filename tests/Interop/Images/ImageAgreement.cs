using System.Text.Json;
using OvirtSpm.Node;
using OvirtSpm.Volumes.Qcow2;

namespace OvirtSpm.Interop.Images;

/// <summary>What we read of an image is what QEMU reads of it: end, map, damage, header.</summary>
static class ImageAgreement
{
    public static async Task<ImageEnd> HoldsAsync(QemuImages qemu, string path)
    {
        var (report, _) = await qemu.CheckAsync(path);
        using var image = NodeComposition.OpenImage(path);
        var end = await Qcow2End.FindAsync(image);
        Assert.Equal(report!.Value.GetProperty("image-end-offset").GetInt64(), end.EndOffset);

        var check = await Qcow2Check.RunAsync(image);
        Assert.Equal((Number(report.Value, "corruptions"), Number(report.Value, "leaks")), (check.Corruptions, check.Leaks));
        Assert.Equal(end.EndOffset, check.EndOffset);
        Assert.Equal(
            (Number(report.Value, "total-clusters"), Number(report.Value, "allocated-clusters"), Number(report.Value, "compressed-clusters")),
            (check.TotalClusters, check.AllocatedClusters, check.CompressedClusters));

        var opened = await Qcow2Image.OpenAsync(image);
        var ours = new List<Run>();
        await foreach (var extent in Qcow2Map.ReadAsync(opened))
        {
            Join(ours, Of(extent, opened.Header.Encryption != Qcow2Encryption.None));
        }
        var theirs = new List<Run>();
        foreach (var extent in (await qemu.MapAsync(path)).EnumerateArray())
        {
            Join(theirs, Of(extent));
        }
        Assert.Equal(theirs, ours);
        return end;
    }

    static Run Of(MapExtent extent, bool encrypted) => new(
        extent.Start, extent.Length, extent.Kind is MapKind.Data or MapKind.Compressed, extent.Kind == MapKind.Unallocated,
        extent.Kind == MapKind.Unallocated || encrypted ? null : extent.Offset);

    /// <summary>QEMU looks into the file below and says of data that happen to lie in a hole that they are zero; that is no fact about the image.</summary>
    static Run Of(JsonElement extent)
    {
        var unallocated = !extent.GetProperty("present").GetBoolean();
        return new Run(
            extent.GetProperty("start").GetInt64(), extent.GetProperty("length").GetInt64(), extent.GetProperty("data").GetBoolean(), unallocated,
            !unallocated && extent.TryGetProperty("offset", out var offset) ? offset.GetInt64() : null);
    }

    static void Join(List<Run> runs, Run next)
    {
        if (runs is [.., var last] && last.Data == next.Data && last.Unallocated == next.Unallocated
            && (last.Offset is { } offset ? next.Offset == offset + last.Length : next.Offset is null))
        {
            runs[^1] = last with { Length = last.Length + next.Length };
            return;
        }
        runs.Add(next);
    }

    static long Number(JsonElement report, string name) => report.TryGetProperty(name, out var value) ? value.GetInt64() : 0;

    sealed record Run(long Start, long Length, bool Data, bool Unallocated, long? Offset);
}
