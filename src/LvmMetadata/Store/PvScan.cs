using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>Finds the label of a device, or says why there is none, with the sector.</summary>
internal static class PvScan
{
    public static async ValueTask<(PvLabel? Label, string Problem)> ReadLabelAsync(IPvArea pv)
    {
        var bytes = Math.Max(PvLabel.ScanSectors * PvLabel.SectorBytes, pv.SectorSize);
        if (pv.SizeBytes < bytes)
        {
            return (null, $"{pv.Name}: {pv.SizeBytes} bytes are too few for a physical volume");
        }
        var buffer = DiskMemory.Rent(bytes);
        await pv.ReadAsync(0, buffer[..bytes]);
        var found = Find(pv, buffer.Span);
        DiskMemory.Return(buffer);
        return found;
    }

    private static (PvLabel? Label, string Problem) Find(IPvArea pv, ReadOnlySpan<byte> head)
    {
        var problem = $"{pv.Name}: no LVM2 label in sectors 0 to 3";
        for (var sector = 0; sector < PvLabel.ScanSectors; sector++)
        {
            var error = PvLabel.TryParse(head.Slice(sector * PvLabel.SectorBytes, PvLabel.SectorBytes), sector, out var label);
            if (error == LabelError.None)
            {
                return (label, "");
            }
            if (error != LabelError.NotALabel)
            {
                problem = $"{pv.Name}: the label in sector {sector} is not believed: {error}";
            }
        }
        return (null, problem);
    }
}
