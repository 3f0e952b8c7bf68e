using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Activation;

/// <summary>What the machine had active before its node ended, or before a device of it was away.</summary>
sealed partial class VolumeActivator
{
    /// <summary>Something is not served because a device of it is not seen.</summary>
    bool unseen;

    /// <summary>Slots that are held for what was active, until it is served or given up.</summary>
    readonly HashSet<int> waiting = [];

    /// <summary>Devices that were seen when this was last tried.</summary>
    int seenBefore;

    volatile bool restored;

    /// <summary>Somebody looks after everything that this machine has active. Until then what waits in the kernel is nobody's here.</summary>
    public bool HasRestored => restored;

    /// <summary>Serves again what this machine had active when its node ended. The guests notice nothing (they reconnect).</summary>
    /// <remarks>
    /// The entries in our map, of this machine and boot, kept the extents ours all the time (R11); the caller holds R7's lock, so
    /// every write of the earlier life has returned. No lease is needed to go on with what was never given up (R12).
    /// </remarks>
    public async Task RestoreAsync()
    {
        // A deactivation meanwhile would clear an entry that has been read here, and its volume would be served without one.
        await changing.WaitAsync();
        try
        {
            (unseen, seenBefore) = (false, domain.Devices.Seen.Count);
            restored = await RestoreInsideAsync() && waiting.Count == 0;
        }
        finally
        {
            changing.Release();
        }
    }

    /// <returns>False: what this machine has mapped was not looked through, and nobody looks after what waits there.</returns>
    async Task<bool> RestoreInsideAsync()
    {
        // Taken before anything else is waited for: a host id that is adopted meanwhile clears the entries of all slots that nobody holds.
        var mine = await maps.HoldMarkedAsync(waiting);
        GiveUp([.. waiting.Except(mine.Select(entry => entry.Slot))]);
        waiting.UnionWith(mine.Select(entry => entry.Slot));
        if (mine.Count == 0 && Mapped is not { MapsNew: true })
        {
            return true;
        }
        DomainView view;
        try
        {
            view = await LunReader.SettledViewAsync(domain, clock);
        }
        catch (Refusal later) when (later.Code == RefusalCode.Unavailable)
        {
            // Not waited for: the SPM that settles it may have to be this very node.
            log($"what this node had active is not served yet: {later.Message}");
            return false;
        }
        var looked = Mapped is not { MapsNew: true } mapped || Sweep(mapped, view, [.. mine.Select(entry => entry.Slot)]);
        var others = await maps.ReadAllAsync();
        foreach (var (slot, mode) in mine)
        {
            if (view.Volumes.FirstOrDefault(v => v.Tags.Slot == slot) is not { } volume || active.ContainsKey(volume.Uuid))
            {
                GiveUp(slot);
                continue;
            }
            if (!volume.IsUsable)
            {
                looked &= GiveUp(slot, view, volume);
                continue;
            }
            if (mode == ActivationMode.ReadWrite
                && others.OtherWriters(slot, membership.Identity.HostId).Any(other => other.Use is SlotUse.ReadWrite or SlotUse.Working))
            {
                // R10: never twice, whatever led to it. A map that cannot be read does not count here: our entry says "for writing" only
                // since all the others were read and this volume was found to be ours.
                log($"volume {volume.Name} is not served again: another host has it active for writing, too");
                looked &= GiveUp(slot, view, volume);
                continue;
            }
            try
            {
                if (mode == ActivationMode.ReadWrite && await VolumeLease.WasHeldAsync(domain, slot, membership.Identity.HostId) != false)
                {
                    // Its lease ended with the life that held it, and may be somebody else's by now. What cannot be believed may have said so:
                    // a volume that is not served is asked for again, a second writer would not be noticed.
                    log($"volume {volume.Name} was active exclusively and is not served again: activate it again");
                    looked &= GiveUp(slot, view, volume);
                    continue;
                }
                await ServeAsync(view.Group, volume, slot, mode == ActivationMode.ReadOnly);
                waiting.Remove(slot);
                log($"serving volume {volume.Name} again");
            }
            catch (Exception broken) when (broken is Refusal or IOException or ArgumentException)
            {
                if (domain.Devices.MissingOfSlot(slot) is not null)
                {
                    // Its entry stays (adopting keeps it), and its guest waits for the device as for the node.
                    unseen = true;
                }
                // One that cannot be served must not take the others from their guests.
                looked &= GiveUp(slot, view, volume);
                log($"volume {volume.Name} is not served again: {broken.Message}");
            }
        }
        return looked;
    }

    /// <summary>R31: and what waits behind its end waits for nobody; what adopting finds may be a join away, which waits for the storage.</summary>
    bool GiveUp(int slot, DomainView view, VolumeInfo volume)
    {
        GiveUp(slot);
        try
        {
            Mapped?.FailWaiting(view.Group, view.Group.Find(volume.Name)!);
            return true;
        }
        catch (IOException failed)
        {
            log($"what waits behind the end of volume {volume.Name} cannot be ended: {failed.Message}");
            return false;
        }
    }

    /// <summary>Nobody writes them here: adopting, or what looks again after it, clears their entries.</summary>
    void GiveUp(params ReadOnlySpan<int> slots)
    {
        foreach (var slot in slots)
        {
            waiting.Remove(slot);
            maps.Release(slot);
            maps.MayHaveLeftBehind();
        }
    }

    /// <summary>Once a device is seen that was not, or the metadata are settled: serves what is still marked as ours, and ends what is not.</summary>
    /// <returns>True when it was tried.</returns>
    public async Task<bool> RestoreLaterAsync()
    {
        if (restored && (!unseen || domain.Devices.Seen.Count == seenBefore) || !membership.HasSector)
        {
            return false;
        }
        await RestoreAsync();
        return true;
    }
}
