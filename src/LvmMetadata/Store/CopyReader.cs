using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>Reads one metadata copy: header, text, and the header again.</summary>
internal static class CopyReader
{
    /// <summary>A writer commits about once a millisecond at most; a text takes less than that to read.</summary>
    private const int MaxAttempts = 16;

    /// <param name="known">A text already parsed, so that the second copy of the same bytes is not parsed again.</param>
    public static async ValueTask<CopyRead> ReadAsync(IPvArea pv, DiskArea area, CopyRead? known)
    {
        if (area.OffsetBytes % pv.SectorSize != 0 || area.SizeBytes < 2 * MdaHeader.Bytes || area.OffsetBytes > pv.SizeBytes - area.SizeBytes)
        {
            return CopyRead.Bad(new CopyState.BadHeader(
                $"the label places a metadata area of {area.SizeBytes} bytes at byte {area.OffsetBytes}, which does not fit the device of {pv.SizeBytes} bytes"));
        }
        var sector = DiskMemory.Rent(Math.Max(MdaHeader.Bytes, pv.SectorSize));
        var first = await HeaderRead.ReadAsync(pv, area, sector);
        CopyRead? doubtful = null;
        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var read = await ReadOnceAsync(pv, area, first, known);
            // A reader that races a writer sees torn things that are whole a moment later: believe only what stays.
            var again = await HeaderRead.ReadAsync(pv, area, sector);
            var moved = again.Error != first.Error || again.Header.Committed != first.Header.Committed;
            first = again;
            if (moved)
            {
                doubtful = null;
                continue;
            }
            if (read.State is not (CopyState.BadHeader or CopyState.BadText) || doubtful is not null)
            {
                DiskMemory.Return(sector);
                return read;
            }
            doubtful = read;
        }
        return CopyRead.Bad(new CopyState.BadHeader($"the header changed {MaxAttempts} times while its text was read; is another writer looping?"));
    }

    private static async ValueTask<CopyRead> ReadOnceAsync(IPvArea pv, DiskArea area, HeaderRead read, CopyRead? known)
    {
        if (read.Error != HeaderError.None)
        {
            return CopyRead.Bad(new CopyState.BadHeader($"{read.Error} in sector {area.OffsetBytes / 512}"));
        }
        var location = read.Header.Committed;
        if (location.IsIgnored)
        {
            return new CopyRead(new CopyState.Ignored(), location, null, default);
        }
        if (location.IsEmpty)
        {
            return new CopyRead(new CopyState.Empty(), location, null, default);
        }
        var text = await ReadTextAsync(pv, area, location);
        var at = $"at sector {(area.OffsetBytes + location.OffsetBytes) / 512} ({location})";
        if (LvmCrc.Compute(text.Span) != location.Crc)
        {
            return new CopyRead(new CopyState.BadText($"the checksum {at} is wrong: torn or overwritten"), location, null, default);
        }
        if (known?.Group is not null && known.Text.Span.SequenceEqual(text.Span))
        {
            return new CopyRead(known.State, location, known.Group, known.Text);
        }
        return VolumeGroup.TryParse(text, out var group) is { } problem
            ? new CopyRead(new CopyState.BadText($"the text {at} is whole but not a volume group: {problem}"), location, null, text)
            : new CopyRead(new CopyState.Current(), location, group, text);
    }

    public static async ValueTask<ReadOnlyMemory<byte>> ReadTextAsync(IPvArea pv, DiskArea area, TextLocation location)
    {
        var (first, second) = new MetadataRing(area.SizeBytes, pv.SectorSize).Pieces(location);
        var text = new byte[location.SizeBytes];
        await ReadPieceAsync(pv, area.OffsetBytes + first.StartBytes, text.AsMemory(0, (int)first.LengthBytes));
        if (second.LengthBytes > 0)
        {
            await ReadPieceAsync(pv, area.OffsetBytes + second.StartBytes, text.AsMemory((int)first.LengthBytes, (int)second.LengthBytes));
        }
        return text;
    }

    /// <summary>Any byte range, by whole sectors. lvm2's texts may start at any byte.</summary>
    private static async ValueTask ReadPieceAsync(IPvArea pv, long offset, Memory<byte> destination)
    {
        var start = offset / pv.SectorSize * pv.SectorSize;
        var end = (offset + destination.Length + pv.SectorSize - 1) / pv.SectorSize * pv.SectorSize;
        var buffer = DiskMemory.Rent((int)(end - start));
        await pv.ReadAsync(start, buffer[..(int)(end - start)]);
        buffer.Slice((int)(offset - start), destination.Length).CopyTo(destination);
        DiskMemory.Return(buffer);
    }
}
