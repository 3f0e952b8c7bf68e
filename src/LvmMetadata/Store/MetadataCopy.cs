using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>One used metadata area, and what its slot 0 says as far as this writer knows.</summary>
/// <param name="Location">Null while its header cannot be believed.</param>
internal sealed record MetadataCopy(IPvArea Pv, DiskArea Area, TextLocation? Location)
{
    public MetadataRing Ring { get; } = new(Area.SizeBytes, Pv.SectorSize);

    /// <summary>Smallest write that holds the header.</summary>
    public int HeaderWriteBytes => Math.Max(MdaHeader.Bytes, Pv.SectorSize);

    public string Where => $"{Pv.Name}, metadata area at byte {Area.OffsetBytes}";

    /// <summary>The areas a commit must reach: all that are not switched off and that lie on their device.</summary>
    public static List<MetadataCopy> From(IReadOnlyList<IPvArea> pvs, VolumeGroupRead read)
    {
        var copies = new List<MetadataCopy>();
        foreach (var report in read.Copies)
        {
            var pv = pvs[report.PvIndex];
            if (report.State is CopyState.Ignored || report.AreaOffsetBytes % pv.SectorSize != 0
                || report.AreaOffsetBytes > pv.SizeBytes - report.AreaSizeBytes)
            {
                continue;
            }
            copies.Add(new MetadataCopy(pv, new DiskArea(report.AreaOffsetBytes, report.AreaSizeBytes), report.Location));
        }
        return copies;
    }
}
