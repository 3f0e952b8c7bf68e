using OvirtSpm.Volumes.Qcow2;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Storage;

/// <summary>Reads the images of a domain's cow volumes straight from the LUN, several at a time.</summary>
sealed class DomainImages(DomainView view, Func<VolumeInfo, IReadOnlyList<string>> users)
{
    /// <summary>As many as the data lane has threads.</summary>
    const int AtOnce = 8;

    /// <param name="reference">One volume; null for every cow volume of the domain.</param>
    /// <exception cref="Refusal">The volume that was named is unknown or raw.</exception>
    public async Task<VolumeEnd[]> EndsAsync(string? reference)
    {
        var volumes = reference is null
            ? view.Volumes.Where(volume => volume.Slot is { Format: VolumeFormat.Cow }).ToArray()
            : [view.Find(reference)];
        if (reference is not null && volumes[0].Slot is { Format: VolumeFormat.Raw })
        {
            throw Refusal.Invalid($"{volumes[0].Name} is a raw volume: it ends where its capacity ends, at {volumes[0].Slot!.CapacityBytes} bytes.");
        }
        var ends = new VolumeEnd[volumes.Length];
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async _ =>
        {
            while (Interlocked.Increment(ref next) is var index && index < volumes.Length)
            {
                ends[index] = await EndAsync(volumes[index]);
            }
        }));
        return ends;
    }

    async Task<VolumeEnd> EndAsync(VolumeInfo volume)
    {
        var activeOn = users(volume);
        var blank = new VolumeEnd(volume.Name, volume.Alias, null, volume.AllocatedBytes, 0, false, null, activeOn, null);
        if (volume.Slot is null || volume.Tags.Initializing || volume.Tags.Removal != RemovalMark.None)
        {
            return blank with { Problem = "it is not ready: being created, being removed, or its slot cannot be read" };
        }
        try
        {
            var end = await Qcow2End.FindAsync(Open(volume));
            return blank with { EndOffset = end.EndOffset, Reads = end.Reads, Dirty = end.Dirty, Method = end.Method };
        }
        catch (Qcow2Refused refused)
        {
            return blank with { Problem = refused.Message };
        }
    }

    /// <exception cref="Qcow2Refused">Its bytes are not all on this LUN.</exception>
    VolumeImage Open(VolumeInfo volume)
    {
        var lv = view.Group.Find(volume.Name)!;
        if (!lv.IsLinear || lv.Segments.Length == 0)
        {
            throw new Qcow2Refused(Qcow2Fault.Truncated, "its extents are not linear");
        }
        return view.Domain.Devices.Missing(view.Group, lv) is { } absent
            ? throw new Qcow2Refused(Qcow2Fault.Truncated, $"it lies on {absent}, which this host does not see")
            : new VolumeImage(view.Domain.Devices.Table(view.Group, lv));
    }
}

/// <param name="EndOffset">Null where <paramref name="Problem"/> says why.</param>
/// <param name="ActiveOn">Hosts that have it open: their QEMU is ahead of what lies here, the end is a lower bound.</param>
sealed record VolumeEnd(
    string Volume, string? Alias, long? EndOffset, long AllocatedBytes, int Reads, bool Dirty, EndMethod? Method, IReadOnlyList<string> ActiveOn, string? Problem);
