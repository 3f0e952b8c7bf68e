using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Storage;

/// <summary>Refuses what would pull a domain from under those who use it.</summary>
sealed class DomainUse(StorageDomain domain, TimeProvider bootClock)
{
    readonly HostWatch watch = new(domain, bootClock);
    IReadOnlyList<HostHolder> dead = [];

    /// <param name="wait">Hosts that do not renew are watched until they are proven dead, instead of being taken for alive.</param>
    /// <param name="what">What is not done, e.g. "the domain is not removed".</param>
    /// <param name="mayWait">Whoever asks can wait for that proof.</param>
    /// <exception cref="Refusal">Somebody holds a host id, or has a volume active.</exception>
    public async Task RefuseWhenUsedAsync(string what, bool wait, CancellationToken stop, bool mayWait = true)
    {
        var held = await watch.HeldAsync();
        if (wait)
        {
            if (await watch.FindLivingAsync(held, stop) is { } living)
            {
                throw Refusal.Conflict($"{domain.Lun.Path}: {what}: {living.Name} of domain {domain.Uuid} is in use or cannot be judged. Stop that node first.");
            }
        }
        else if (held is [var first, ..])
        {
            throw Refusal.Conflict(
                $"{domain.Lun.Path}: {what}: {first.Name} is held in domain {domain.Uuid}. Stop that node, or wait for that verb; {(mayWait ? "if it crashed, --wait goes on once that is proven" : "if it crashed, start it again and stop it in order")}.");
        }
        dead = held;
        await RefuseActiveAsync(what);
    }

    /// <summary>Looked at again, by one who holds a host id and the SPM lease by now: those who were proven dead stand there as before.</summary>
    /// <param name="own">The asker's own host id.</param>
    /// <exception cref="Refusal">Somebody came meanwhile, or has a volume active.</exception>
    public async Task RefuseNewcomersAsync(string what, int own)
    {
        if ((await watch.HeldAsync()).FirstOrDefault(now => now.HostId != own && !dead.Any(known => known.IsSameLife(now))) is { } newcomer)
        {
            throw Refusal.Conflict($"{domain.Lun.Path}: {what}: {newcomer.Name} came meanwhile. Stop that node first.");
        }
        await RefuseActiveAsync(what);
    }

    /// <summary>The maps alone: no host may have a volume active.</summary>
    /// <exception cref="Refusal">One has, or its map cannot be read.</exception>
    async Task RefuseActiveAsync(string what)
    {
        if (domain is not PoolDomain pool)
        {
            return; // oVirt keeps no maps: whoever has a volume active holds a host id
        }
        // Slot by slot, not volume by volume: a volume that the metadata have lost may still be written to.
        var table = await ActivationMaps.ReadAllAsync(pool);
        var names = domain.Group.LogicalVolumes.Select(lv => (lv.Name, VolumeTags.Parse(lv.Tags, out _).Slot)).ToLookup(lv => lv.Slot, lv => lv.Name);
        for (var slot = SlotGeometry.FirstSlot; slot <= SlotGeometry.LastSlot; slot++)
        {
            // R11: a map that cannot be read names every volume there is.
            if (table.UsersOf(slot).FirstOrDefault(user => user.Use != SlotUse.Unreadable || names.Contains(slot)) is { Host: > 0 } user)
            {
                var name = names[slot].FirstOrDefault() ?? $"of slot {slot}";
                throw Refusal.Conflict($"{domain.Lun.Path}: {what}: volume {name} is active on host id {user.Host}, or its map cannot be read. Deactivate it first.");
            }
        }
    }
}
