using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Mapping;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Storage;

/// <summary>Where the bytes of a domain's volumes are, as far as this host sees the devices.</summary>
/// <param name="latest">The newest group that was read.</param>
sealed class DomainDevices(ILun lun, LvmUuid first, Func<VolumeGroup> latest)
{
    /// <summary>Physical volumes whose extents this host can use.</summary>
    public IReadOnlyList<string> Seen => [.. lun.Others.Seen.Append(first).Select(pv => pv.ToString())];

    public bool Sees(PhysicalVolume pv) => Data(pv.Uuid) is not null;

    /// <returns>What this host does not see of the domain, for people; as it last read the metadata.</returns>
    public IEnumerable<string> Missing() => latest().PhysicalVolumes.Where(pv => !Sees(pv)).Select(Describe);

    /// <summary>Extents that this host as SPM could give away.</summary>
    public long FreeExtents(VolumeGroup group) => new VolumeGroupDraft(group, Sees).FreeExtents;

    /// <returns>Which of its devices this host does not see, for people; null when all are there.</returns>
    public string? Missing(VolumeGroup group, LogicalVolume volume) => volume.IsLinear
        ? volume.Segments.Select(segment => group.PhysicalVolumes[segment.Areas[0].PvIndex]).FirstOrDefault(pv => !Sees(pv)) is { } pv ? Describe(pv) : null
        : null;

    /// <summary>As <see cref="Missing(VolumeGroup, LogicalVolume)"/>, of whatever has this slot.</summary>
    public string? MissingOfSlot(int slot)
    {
        var group = latest();
        return group.PhysicalVolumes.Length < 2 ? null : group.LogicalVolumes
            .Where(volume => VolumeTags.Parse(volume.Tags, out _).Slot == slot).Select(volume => Missing(group, volume)).FirstOrDefault(text => text is not null);
    }

    /// <exception cref="Refusal">It lies on a device that this host does not see.</exception>
    public void Require(VolumeGroup group, string volume)
    {
        if (group.Find(volume) is { } lv && Missing(group, lv) is { } absent)
        {
            throw NotSeen($"volume {volume}", absent);
        }
    }

    /// <exception cref="Refusal">It lies on a device that this host does not see.</exception>
    public SegmentTable Table(VolumeGroup group, LogicalVolume volume) => new(
        VolumeMapping.Map(group, volume).Select(range => Segment(volume.Name, group.PhysicalVolumes[range.PvIndex].Uuid, range.PvOffsetBytes, range.LengthBytes)),
        group.Epoch ?? 0, group.Seqno);

    /// <exception cref="Refusal">It lies on a device that this host does not see.</exception>
    public VolumeSegment Segment(string volume, SegmentReply segment) => LvmUuid.TryParse(segment.PvUuid.AsSpan(), out var pv)
        ? Segment(volume, pv, segment.PvOffsetBytes, segment.LengthBytes)
        : throw Refusal.Damaged($"volume {volume}: '{segment.PvUuid}' is not the uuid of a device.");

    VolumeSegment Segment(string volume, LvmUuid pv, long offset, long length) => Data(pv) is { } device
        ? new VolumeSegment(device, offset, length)
        : throw NotSeen($"volume {volume}", latest().PhysicalVolumes.FirstOrDefault(one => one.Uuid == pv) is { } known ? Describe(known) : $"device {pv}");

    IDataDevice? Data(LvmUuid pv) => pv == first ? lun.Data : lun.Others.Data(pv);

    string Describe(PhysicalVolume pv)
    {
        var problem = lun.Others.Problem(pv.Uuid);
        return $"device {pv.SectionName} ({pv.Uuid}, last seen as '{pv.DeviceHint}'{(problem.Length > 0 ? ": " + problem : "")})";
    }

    static Refusal NotSeen(string what, string device) => Refusal.Conflict(
        $"{what} lies on {device}, which this host does not see. Connect it, or say where it is with --device.");
}
