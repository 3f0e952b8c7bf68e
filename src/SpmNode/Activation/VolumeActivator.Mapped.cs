using OvirtSpm.Node.Activation.Mapped;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Qcow2;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Activation;

/// <summary>Volumes that the kernel maps.</summary>
sealed partial class VolumeActivator
{
    /// <summary>Where the kernel maps volumes; null where this process serves them all.</summary>
    public VolumeMaps? Mapped { get; init; }

    /// <summary>A few reads; a volume without a reserve is better than one that keeps others waiting.</summary>
    static readonly TimeSpan ImageEndLimit = TimeSpan.FromSeconds(2);

    void RefuseMappedExclusive(bool exclusive)
    {
        if (exclusive && Mapped is { MapsNew: true })
        {
            // R12: nobody asks the deadline before a write that goes straight to the kernel.
            throw Refusal.Invalid("a volume that the kernel maps takes writes past the end of a lease, so it is not activated exclusively: start the node with --activation nbd.");
        }
    }

    /// <summary>Up to where a volume that nobody has open is in use: all of it, where its image does not say.</summary>
    async ValueTask<long> WrittenAsync(VolumeInfo volume, SegmentTable table)
    {
        if (volume.Slot is not { Format: VolumeFormat.Cow })
        {
            return table.AllocatedBytes;
        }
        try
        {
            return (await Qcow2End.FindAsync(new TimedImage(new VolumeImage(table), ImageEndLimit, clock)).AsTask().WaitAsync(ImageEndLimit, clock)).EndOffset;
        }
        catch (Exception unknown) when (unknown is Qcow2Refused or IOException or TimeoutException)
        {
            // Whoever opens it is told; here it only means that none of it is a reserve.
            return table.AllocatedBytes;
        }
    }

    async Task UnmapAsync(ActiveVolume there)
    {
        if (await there.Export.DeactivateAsync(DeactivationLimit) is not DeactivateOutcome.Returned)
        {
            throw Refusal.Conflict($"volume {there.Volume} is open on this host: end the guest or program that has {there.Served.SocketPath} open, then deactivate it again.");
        }
        await ForgetAsync(there);
    }

    /// <summary>An activation that failed takes its entry back.</summary>
    async Task ClearUnlessMappedAsync(int slot, ulong generation)
    {
        if (maps.IsMapped(slot))
        {
            // R11: what was mapped did not go again.
            maps.MayHaveLeftBehind();
            return;
        }
        await maps.SetAsync(slot, ActivationMode.Inactive, generation);
    }

    /// <summary>R11: maps that no entry covers, before anything is served again: their extents may be other volumes' by now.</summary>
    /// <returns>False when they could not be looked through.</returns>
    bool Sweep(VolumeMaps mapped, DomainView view, HashSet<int> marked)
    {
        try
        {
            var covered = view.Volumes.Where(volume => volume.Tags.Slot is { } slot && marked.Contains(slot)).Select(volume => volume.Name)
                .Concat(active.Keys.Select(volume => view.Find(volume)?.Name)).ToHashSet();
            foreach (var note in mapped.Sweep(view.Group, lv => covered.Contains(lv.Name), lv => domain.Devices.Missing(view.Group, lv) is null ? domain.Devices.Table(view.Group, lv) : null))
            {
                log(note);
            }
            return true;
        }
        catch (IOException failed)
        {
            log($"maps of an earlier life are not looked through: {failed.Message}");
            return false;
        }
    }
}
