using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>R6b: names a text in the headers again that no header names any more.</summary>
public static class LostHeaders
{
    /// <param name="read">As the areas were found.</param>
    /// <param name="text">Taken only when every byte of it is there: checksum, group and version agree.</param>
    /// <returns>Null when it was named again; otherwise why not. <see cref="string.Empty"/>: it is not there any more.</returns>
    /// <exception cref="IOException">A device failed; what was written may land. Naming it again is harmless.</exception>
    public static async ValueTask<string?> NameAsync(
        IReadOnlyList<IPvArea> pvs, VolumeGroupRead read, NamedText text, LvmUuid group, IWriteGuard guard)
    {
        var copies = MetadataCopy.From(pvs, read);
        var whole = new List<(MetadataCopy Copy, TextLocation At)>();
        for (var i = 0; i < Math.Min(copies.Count, text.Places.Count); i++)
        {
            var at = new TextLocation(text.Places[i], text.SizeBytes, text.Checksum, 0);
            if (await IsWholeAsync(copies[i], at, text.Version, group))
            {
                whole.Add((copies[i], at));
            }
        }
        if (whole.Count == 0)
        {
            return "";
        }
        // R25: the lease on the disk, directly before a header.
        if (await guard.ConfirmAsync() is { } objection)
        {
            return objection;
        }
        foreach (var (copy, at) in whole)
        {
            var header = await MetadataWriter.HeaderSectorAsync(copy, at, DiskMemory.Allocate(copy.HeaderWriteBytes));
            // R2: one after the other, the deadline read before each.
            if (guard.Issue(() => copy.Pv.WriteAsync(copy.Area.OffsetBytes, header)) is not { } writing)
            {
                return "the lease's deadline passed";
            }
            await writing;
            await copy.Pv.FlushAsync();
        }
        return null;
    }

    private static async ValueTask<bool> IsWholeAsync(MetadataCopy copy, TextLocation at, MetadataVersion version, LvmUuid group)
    {
        if (at.OffsetBytes < copy.Ring.FirstBytes || at.SizeBytes <= 0 || at.OffsetBytes > copy.Ring.LastBytes - at.SizeBytes || at.SizeBytes > copy.Ring.MaxTextBytes)
        {
            return false;
        }
        var bytes = await CopyReader.ReadTextAsync(copy.Pv, copy.Area, at);
        return LvmCrc.Compute(bytes.Span) == at.Crc && VolumeGroup.TryParse(bytes, out var found) is null
            && found!.Uuid == group && found.Version == version && found.HasTripwire;
    }
}
