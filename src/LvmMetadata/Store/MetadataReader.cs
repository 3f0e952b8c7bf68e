using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>Reads the newest believable metadata and says which copies disagree.</summary>
public static class MetadataReader
{
    /// <param name="pvs">All physical volumes of the group; devices without a label are reported.</param>
    /// <param name="notBelow">R5: never believe anything older than what was already seen.</param>
    /// <param name="othersElsewhere">Physical volumes of the group that are not given are no problem: their metadata areas are ignored, as
    /// oVirt has it, and somebody else looks after their extents.</param>
    /// <exception cref="IOException">A device failed.</exception>
    public static async ValueTask<VolumeGroupRead> ReadAsync(
        IReadOnlyList<IPvArea> pvs, MetadataVersion? notBelow = null, bool othersElsewhere = false)
    {
        var reports = new List<CopyReport>();
        var groups = new List<VolumeGroup?>();
        var problems = new List<string>();
        var labels = new List<PvLabel?>();
        CopyRead? known = null;
        for (var index = 0; index < pvs.Count; index++)
        {
            var (label, problem) = await PvScan.ReadLabelAsync(pvs[index]);
            labels.Add(label);
            if (label is null)
            {
                problems.Add(problem);
                continue;
            }
            foreach (var area in label.MetadataAreas)
            {
                var read = await CopyReader.ReadAsync(pvs[index], area, known);
                known = read.Group is null ? known : read;
                groups.Add(read.Group);
                var text = read.Text.Length > 0 && read.Text.Span[^1] == 0 ? read.Text[..^1] : read.Text;
                reports.Add(new CopyReport(
                    index, pvs[index].Name, area.OffsetBytes, area.SizeBytes, read.State, read.Location, read.Group?.Version, text));
            }
        }
        var best = CopyChoice.Choose(groups, reports, problems);
        if (best is not null && notBelow is { } floor && best.Version < floor)
        {
            // R5: a device that answers with the past (a stale path, a restored snapshot) must not take back what was acknowledged.
            problems.Add($"the newest metadata on disk is {best.Version}, but {floor} was seen before: a stale device or a restored copy; nothing of it is used");
            best = null;
        }
        var deviceProblems = new List<string>();
        if (best is not null)
        {
            CheckDevices(best, pvs, labels, deviceProblems, othersElsewhere);
            problems.AddRange(deviceProblems);
        }
        var ring = best is null ? await RingSearch.SearchAsync(pvs, reports) : [];
        return new VolumeGroupRead(best, reports, problems.Count == 0 ? null : string.Join("; ", problems), ring)
        {
            Labels = labels,
            WriteProblem = deviceProblems.Count == 0 ? null : string.Join("; ", deviceProblems),
        };
    }

    /// <summary>Reads headers only. True when any of them is not what <paramref name="known"/> says: then read again.</summary>
    /// <exception cref="IOException">A device failed.</exception>
    public static async ValueTask<bool> PollAsync(IReadOnlyList<IPvArea> pvs, VolumeGroupRead known)
    {
        foreach (var copy in known.Copies)
        {
            if (await HasMovedAsync(pvs[copy.PvIndex], copy))
            {
                return true;
            }
        }
        return false;
    }

    internal static async ValueTask<bool> HasMovedAsync(IPvArea pv, CopyReport copy)
    {
        if (copy.AreaOffsetBytes > pv.SizeBytes - copy.AreaSizeBytes || copy.AreaOffsetBytes % pv.SectorSize != 0)
        {
            return false;
        }
        var buffer = DiskMemory.Rent(Math.Max(MdaHeader.Bytes, pv.SectorSize));
        var read = await HeaderRead.ReadAsync(pv, new DiskArea(copy.AreaOffsetBytes, copy.AreaSizeBytes), buffer);
        DiskMemory.Return(buffer);
        return copy.Location is { } location
            ? read.Error != HeaderError.None || read.Header.Committed != location
            : read.Error == HeaderError.None;
    }

    /// <returns>What the devices lack for this group, for people; or null.</returns>
    internal static string? DeviceProblem(VolumeGroup group, IReadOnlyList<IPvArea> pvs, IReadOnlyList<PvLabel?> labels, bool othersElsewhere)
    {
        var problems = new List<string>();
        CheckDevices(group, pvs, [.. labels], problems, othersElsewhere);
        return problems.Count == 0 ? null : string.Join("; ", problems);
    }

    /// <summary>Nobody else checks that the extents fit the device; a volume beyond its end would fail at the guest's first write.</summary>
    private static void CheckDevices(VolumeGroup group, IReadOnlyList<IPvArea> pvs, List<PvLabel?> labels, List<string> problems, bool othersElsewhere)
    {
        foreach (var pv in group.PhysicalVolumes)
        {
            var index = labels.FindIndex(label => label?.PvUuid == pv.Uuid);
            if (index < 0 && othersElsewhere && pv.Index > 0)
            {
                continue;
            }
            if (index < 0)
            {
                problems.Add($"physical volume {pv.SectionName} ({pv.Uuid}, last seen as '{pv.DeviceHint}') is not among the devices given");
                continue;
            }
            var end = pv.ExtentStartBytes + (pv.ExtentCount * group.ExtentSizeBytes);
            if (end > pvs[index].SizeBytes)
            {
                problems.Add($"{pvs[index].Name}: its extents end at byte {end}, the device at {pvs[index].SizeBytes}");
            }
            foreach (var area in labels[index]!.MetadataAreas)
            {
                if (area.OffsetBytes < end && pv.ExtentStartBytes < area.OffsetBytes + area.SizeBytes)
                {
                    problems.Add($"{pvs[index].Name}: the metadata area at byte {area.OffsetBytes} overlaps the extents, which end at byte {end}");
                }
            }
        }
    }
}
