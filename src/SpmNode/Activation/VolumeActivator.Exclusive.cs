using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Activation;

/// <summary>Volumes that are active only while their lease is held.</summary>
sealed partial class VolumeActivator
{
    async Task<VolumeLease?> LeaseForAsync(VolumeInfo volume, int slot, bool readOnly, bool exclusive)
    {
        if (exclusive)
        {
            return await VolumeLease.TakeAsync(domain, membership, volume, slot, clock);
        }
        if (!readOnly && await VolumeLease.WasHeldAsync(domain, slot, membership.Identity.HostId) == true)
        {
            // Left by a life of this host that was killed. Served without a lease, it must not look like an exclusive one at the next start.
            var left = await VolumeLease.TakeAsync(domain, membership, volume, slot, clock);
            if (await left.ReleaseAsync() is { } why)
            {
                throw Refusal.Unavailable($"the lease that this host held of volume {volume.Name} is not given back yet: {why}. Ask again.");
            }
        }
        return null;
    }

    /// <summary>Every write has returned. The lease before the entry: without one its place may become another volume's.</summary>
    async Task ForgetAsync(ActiveVolume there)
    {
        if (there.Lease is { } lease && await lease.ReleaseAsync() is { } why)
        {
            throw Refusal.Unavailable($"the lease of volume {there.Volume} was not given back: {why}. Deactivate it again when the storage answers.");
        }
        // Forgotten only when the LUN says so, too: otherwise nobody could clear the entry when this write fails.
        await maps.SetAsync(there.Slot, ActivationMode.Inactive, membership.Generation);
        active.TryRemove(there.Volume, out _);
        maps.Release(there.Slot);
    }

    async Task TryForgetAsync(ActiveVolume there)
    {
        try
        {
            await ForgetAsync(there);
        }
        catch (Exception failed) when (failed is Refusal or IOException)
        {
            // The lease ends with this life of the host id; the entry is cleared when the node comes back.
            log(failed.Message);
        }
    }

    /// <summary>An exclusive volume's guest stops writing when the lease does: it may be another host's from the deadline on.</summary>
    async Task WatchAsync(ActiveVolume there, VolumeLease lease)
    {
        await lease.LapsedAsync();
        if (!there.Export.IsClosed)
        {
            log($"volume {there.Volume} was active exclusively and is closed: its lease could not be kept, since this host's id was not renewed");
        }
        // Also when a deactivation has begun: while it waits for a write, the lease may lapse, and R21 wants everything disarmed once that returned.
        var returned = there.Export.DeactivateAsync(DeactivationLimit);
        await lease.EndAsync(async () =>
        {
            if (await returned is DeactivateOutcome.StillWriting still)
            {
                await still.AllReturned;
            }
        });
        await there.Served.DisposeAsync();
        await changing.WaitAsync();
        try
        {
            if (!ended && ReferenceEquals(Find(there.Volume), there))
            {
                await TryForgetAsync(there);
                // An entry that could not be cleared is cleared with the next life of the host id, or by another deactivation.
                active.TryRemove(there.Volume, out _);
                maps.Release(there.Slot);
            }
        }
        finally
        {
            changing.Release();
        }
    }
}
