using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>Tells what a device already carries, so that nothing is overwritten unasked.</summary>
public static class DeviceProbe
{
    /// <returns>Empty when nothing known was found.</returns>
    /// <exception cref="IOException">The device failed.</exception>
    public static async ValueTask<IReadOnlyList<FoundSignature>> ProbeAsync(IPvArea pv)
    {
        var size = pv.SizeBytes / pv.SectorSize * pv.SectorSize;
        var head = DiskMemory.Allocate((int)Math.Min(MagicSignature.HeadBytes, size));
        var tail = DiskMemory.Allocate((int)Math.Min(MagicSignature.TailBytes, size));
        await pv.ReadAsync(0, head);
        await pv.ReadAsync(size - tail.Length, tail);
        return Find(head.Span, tail.Span, size);
    }

    internal static IReadOnlyList<FoundSignature> Find(ReadOnlySpan<byte> head, ReadOnlySpan<byte> tail, long size)
    {
        var found = new List<FoundSignature>();
        for (var sector = 0; sector < PvLabel.ScanSectors && (sector + 1) * PvLabel.SectorBytes <= head.Length; sector++)
        {
            // A label with a wrong checksum is a damaged one, perhaps of data worth having: report it, too.
            if (head.Slice(sector * PvLabel.SectorBytes, 8).SequenceEqual("LABELONE"u8))
            {
                found.Add(new FoundSignature("LVM2 physical volume", sector * PvLabel.SectorBytes, PvLabel.SectorBytes));
            }
        }
        foreach (var signature in MagicSignature.All)
        {
            var isHead = signature.OffsetBytes >= 0;
            var at = isHead ? signature.OffsetBytes : tail.Length + signature.OffsetBytes;
            var where = isHead ? head : tail;
            if (at >= 0 && at + signature.Magic.Length <= where.Length && where.Slice((int)at, signature.Magic.Length).SequenceEqual(signature.Magic))
            {
                found.Add(new FoundSignature(signature.What, isHead ? at : size + signature.OffsetBytes, signature.Magic.Length));
            }
        }
        if (HasPartitions(head))
        {
            found.Add(new FoundSignature("MBR partition table", 446, 66));
        }
        found.Sort(static (a, b) => a.OffsetBytes.CompareTo(b.OffsetBytes));
        return found;
    }

    /// <summary>The boot signature alone is no partition table (boot code and FAT carry it, too); an entry with a type and a length is.</summary>
    private static bool HasPartitions(ReadOnlySpan<byte> head)
    {
        if (head.Length < 512 || head[510] != 0x55 || head[511] != 0xaa)
        {
            return false;
        }
        for (var entry = 446; entry < 510; entry += 16)
        {
            if (head[entry + 4] != 0 && (head[entry] & 0x7f) == 0 && head.Slice(entry + 12, 4).IndexOfAnyExcept((byte)0) >= 0)
            {
                return true;
            }
        }
        return false;
    }
}
