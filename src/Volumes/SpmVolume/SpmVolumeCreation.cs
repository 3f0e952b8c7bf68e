namespace OvirtSpm.Volumes.SpmVolume;

/// <summary>What makes an empty LV the volume <c>spm</c>.</summary>
public static class SpmVolumeCreation
{
    /// <summary>
    /// In this order, each durable before the next: the host records' regions zeroed, an empty map for every host id, the second
    /// superblock, the first superblock.
    /// </summary>
    /// <remarks>
    /// The superblock comes last: whoever finds one may rely on everything behind it. Every host id gets a map, because R11 takes
    /// a missing one for "everything is in use". The journal's region is to be zeroed by whoever zeroes the LV.
    /// </remarks>
    public static IEnumerable<SectorWrite> Writes(Superblock superblock)
    {
        var layout = superblock.Layout;
        yield return new SectorWrite(layout.HostRecordsFirst.OffsetBytes, new byte[layout.HostRecordBytes]);
        yield return new SectorWrite(layout.HostRecordsSecond.OffsetBytes, new byte[layout.HostRecordBytes]);

        var maps = new byte[layout.ActivationMapBytes];
        for (var host = 1; host <= SpmLayout.Hosts; host++)
        {
            for (var part = 0; part < layout.MapParts; part++)
            {
                var at = (int)(layout.MapOffsetBytes(host, part) - layout.ActivationMaps.OffsetBytes);
                ActivationSector.Unused(layout.SectorSize, superblock.Pool, host, part).Format(maps.AsSpan(at, layout.SectorSize));
            }
        }

        yield return new SectorWrite(layout.ActivationMaps.OffsetBytes, maps);

        var sector = new byte[layout.SectorSize];
        superblock.Format(sector);
        yield return new SectorWrite(SpmLayout.SuperblockCopyOffsetBytes, sector);
        yield return new SectorWrite(SpmLayout.SuperblockOffsetBytes, sector);
    }
}
