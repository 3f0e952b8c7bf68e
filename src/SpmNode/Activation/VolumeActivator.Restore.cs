using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Activation;

/// <summary>What the machine had active before its node ended, or before a device of it was away.</summary>
sealed partial class VolumeActivator
{
    /// <summary>Something is not served because a device of it is not seen.</summary>
    bool unseen;

    /// <summary>Slots that are kept for what was active, until the metadata say for certain where it lies.</summary>
    readonly HashSet<int> unsettled = [];

    /// <summary>Devices that were seen when this was last tried.</summary>
    int seenBefore;

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
            foreach (var slot in unsettled)
            {
                maps.Release(slot);
                // Adopting left it alone; what cannot be served now is cleared like the others.
                maps.MayHaveLeftBehind();
            }
            unsettled.Clear();
            await RestoreInsideAsync();
        }
        finally
        {
            changing.Release();
        }
    }

    async Task RestoreInsideAsync()
    {
        var own = await maps.ReadOwnAsync();
        var mine = own.Parts.Where(part => part.Sector is { IsIdle: false } sector && sector.Owner == membership.Identity.MapOwner)
            // What the SPM of an earlier life worked on was served to nobody; adopting the host id clears its entry (R11).
            .SelectMany(part => part.Sector!.Active()).Where(entry => entry.Mode is not ActivationMode.Working).ToList();
        if (mine.Count == 0)
        {
            return;
        }
        DomainView view;
        try
        {
            view = await LunReader.SettledViewAsync(domain, clock);
        }
        catch (Refusal later) when (later.Code == RefusalCode.Unavailable)
        {
            // Not waited for: the SPM that settles it may have to be this very node.
            unsettled.UnionWith(mine.Where(entry => maps.TryHold(entry.Slot)).Select(entry => entry.Slot));
            log($"what this node had active is not served yet: {later.Message}");
            return;
        }
        var others = await maps.ReadAllAsync();
        foreach (var (slot, mode) in mine)
        {
            if (view.Volumes.FirstOrDefault(v => v.Tags.Slot == slot) is not { IsUsable: true } volume || active.ContainsKey(volume.Uuid))
            {
                continue;
            }
            if (mode == ActivationMode.ReadWrite
                && others.OtherWriters(slot, membership.Identity.HostId).Any(other => other.Use is SlotUse.ReadWrite or SlotUse.Working))
            {
                // R10: never twice, whatever led to it. A map that cannot be read does not count here: our entry says "for writing" only
                // since all the others were read and this volume was found to be ours.
                log($"volume {volume.Name} is not served again: another host has it active for writing, too");
                continue;
            }
            try
            {
                if (mode == ActivationMode.ReadWrite && await VolumeLease.WasHeldAsync(domain, slot, membership.Identity.HostId) != false)
                {
                    // Its lease ended with the life that held it, and may be somebody else's by now. What cannot be believed may have said so:
                    // a volume that is not served is asked for again, a second writer would not be noticed.
                    log($"volume {volume.Name} was active exclusively and is not served again: activate it again");
                    continue;
                }
                if (!maps.TryHold(slot))
                {
                    continue;
                }
                Serve(view.Group, volume, slot, mode == ActivationMode.ReadOnly);
                log($"serving volume {volume.Name} again");
            }
            catch (Exception broken) when (broken is Refusal or IOException or ArgumentException)
            {
                if (domain.Devices.MissingOfSlot(slot) is not null)
                {
                    // Its entry stays (adopting keeps it), and its guest waits for the device as for the node.
                    unseen = true;
                }
                // One that cannot be served must not take the others from their guests. Nobody writes it here: adopting clears its entry.
                maps.Release(slot);
                log($"volume {volume.Name} is not served again: {broken.Message}");
            }
        }
    }

    /// <summary>Once a device is seen that was not, or the metadata are settled: serves what is still marked as ours.</summary>
    /// <returns>True when it was tried.</returns>
    public async Task<bool> RestoreLaterAsync()
    {
        if (unsettled.Count == 0 && (!unseen || domain.Devices.Seen.Count == seenBefore) || !membership.HasSector)
        {
            return false;
        }
        await RestoreAsync();
        return true;
    }
}
