using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>The batch's physical volumes: which of them give extents, and new ones.</summary>
public sealed partial class VolumeGroupDraft
{
    private readonly Func<PhysicalVolume, bool>? isSeen;
    private ImmutableArray<PhysicalVolume> pvs;

    /// <summary>As the batch leaves them.</summary>
    public ImmutableArray<PhysicalVolume> PhysicalVolumes => pvs;

    /// <summary>One more device, behind the others; its label is there already. AlreadyThere when the group has it.</summary>
    /// <param name="layout">Where its extents are.</param>
    public EditOutcome AddPhysicalVolume(LvmUuid id, string deviceHint, PvExtents layout)
    {
        if (From.WriteRefusal is { } refusal)
        {
            return new EditOutcome.Refused(refusal);
        }
        if (pvs.Any(pv => pv.Uuid == id))
        {
            return new EditOutcome.AlreadyThere(layout.Count);
        }
        if (id.IsEmpty || layout.Count is < 1 or > uint.MaxValue || layout.StartBytes % 512 != 0 || layout.DeviceBytes % 512 != 0
            || layout.StartBytes + (layout.Count * From.ExtentSizeBytes) > layout.DeviceBytes)
        {
            return new EditOutcome.Refused($"a physical volume with {layout} and uuid '{id}' cannot be");
        }
        var number = pvs.Length;
        while (pvs.Any(pv => pv.SectionName == $"pv{number}"))
        {
            number++;
        }
        pvs = pvs.Add(new PhysicalVolume(
            pvs.Length, $"pv{number}", id, deviceHint.All(c => c is >= ' ' and <= '~') ? deviceHint : "unknown", layout.DeviceBytes, layout.StartBytes, layout.Count, ["ALLOCATABLE"], [], []));
        free = free.WithPhysicalVolume(layout.Count).Offering(Offered(null));
        return new EditOutcome.Done(layout.Count);
    }

    /// <summary>A device of the group became larger, and its label says so already. AlreadyThere when the text does, too.</summary>
    /// <param name="layout">With at least the extents that it has.</param>
    public EditOutcome GrowPhysicalVolume(LvmUuid id, PvExtents layout)
    {
        if (From.WriteRefusal is { } refusal)
        {
            return new EditOutcome.Refused(refusal);
        }
        if (pvs.FirstOrDefault(one => one.Uuid == id) is not { } pv)
        {
            return new EditOutcome.NotFound($"{id}");
        }
        if (pv.ExtentCount == layout.Count)
        {
            return new EditOutcome.AlreadyThere(layout.Count);
        }
        if (pv.DeviceSizeBytes is null || layout.Count < pv.ExtentCount || layout.Count > uint.MaxValue || layout.StartBytes != pv.ExtentStartBytes || layout.DeviceBytes % 512 != 0
            || layout.StartBytes + (layout.Count * From.ExtentSizeBytes) > layout.DeviceBytes)
        {
            return new EditOutcome.Refused($"physical volume {pv.SectionName} with {pv.ExtentCount} extents cannot become {layout}");
        }
        pvs = pvs.SetItem(pv.Index, pv with { DeviceSizeBytes = layout.DeviceBytes, ExtentCount = layout.Count });
        free = free.Release(new ExtentRun(pv.Index, pv.ExtentCount, layout.Count - pv.ExtentCount));
        return new EditOutcome.Done(layout.Count);
    }

    private ImmutableArray<bool> Offered(Func<PhysicalVolume, bool>? also)
    {
        var offered = ImmutableArray.CreateBuilder<bool>(pvs.Length);
        foreach (var pv in pvs)
        {
            offered.Add(pv.IsAllocatable && (isSeen?.Invoke(pv) ?? true) && (also?.Invoke(pv) ?? true));
        }
        return offered.MoveToImmutable();
    }
}
