using System.Collections.Concurrent;
using OvirtSpm.Monitor.Guests;
using OvirtSpm.Monitor.Watermark;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Guests;

/// <summary>Whether a volume whose guest met an I/O error may be used again: is it still this host's, and do its devices answer?</summary>
/// <remarks>
/// The guest sends again what failed the moment it goes on. While it stood this host may have been confirmed dead, and the extents given to
/// another volume, or the volume to another host (R11): what the LUN says now counts, not what this process remembers.
/// </remarks>
sealed class StorageProbe(Guid domain, Membership membership, ActivationMaps maps, Func<VolumeActivator> activator) : IStorageProbe
{
    readonly ConcurrentDictionary<Guid, SemaphoreSlim> turns = [];

    public async ValueTask<StorageVerdict> ProbeAsync(VolumeKey volume, CancellationToken stop)
    {
        // A read that does not return must not be followed by another every few seconds. What it finds in the end is of then, and whoever asked may
        // have gone long before: it is waited for and not believed (R11, R12).
        var turn = turns.GetOrAdd(volume.Volume, _ => new SemaphoreSlim(1));
        await turn.WaitAsync(stop);
        return await LookAsync(volume, turn).WaitAsync(stop);
    }

    async Task<StorageVerdict> LookAsync(VolumeKey volume, SemaphoreSlim turn)
    {
        try
        {
            return await LookAsync(volume);
        }
        finally
        {
            turn.Release();
        }
    }

    async Task<StorageVerdict> LookAsync(VolumeKey volume)
    {
        if (volume.Domain != domain || activator().Find(volume.Volume) is not { } there || there.Export.IsClosed)
        {
            return new StorageVerdict.Broken("its volume is not active on this host any more, so it is not continued");
        }
        try
        {
            // Of each device one sector of the volume's own: another path or another array may be down than the one the leases are on.
            foreach (var segment in there.Export.Table.Segments.DistinctBy(segment => segment.Device))
            {
                await segment.Device.ReadAsync(segment.DeviceOffsetBytes, new byte[segment.Device.SectorSize]);
            }
            var own = await maps.ReadOwnAsync();
            // R11: strictly, a map that cannot be believed does not say that it is ours.
            if (own.UseOf(there.Slot) != SlotUse.ReadWrite || !own.IsOwn(there.Slot, membership.Identity.MapOwner))
            {
                return new StorageVerdict.Broken("its volume is not marked as active for writing on this host, so it is not continued");
            }
        }
        catch (IOException failed)
        {
            return new StorageVerdict.Broken(failed.Message);
        }
        // Read last, since the storage may have kept us waiting. R12: without a host id what runs goes on, and nothing begins anew.
        if (!membership.IsValid)
        {
            return new StorageVerdict.Broken("this node does not hold its host id now, so it is not continued");
        }
        return ReferenceEquals(activator().Find(volume.Volume), there) && !there.Export.IsClosed
            ? new StorageVerdict.Whole()
            : new StorageVerdict.Broken("its volume is being deactivated");
    }
}
