namespace OvirtSpm.Node.Storage;

/// <summary>Refuses what would pull a domain from under those who use it.</summary>
sealed class DomainUse(PoolDomain domain, TimeProvider bootClock)
{
    /// <param name="wait">Hosts that do not renew are watched until they are proven dead, instead of being taken for alive.</param>
    /// <param name="what">What is not done, e.g. "the domain is not removed".</param>
    /// <exception cref="Refusal">Somebody holds a host id, or has a volume active.</exception>
    public async Task RefuseWhenUsedAsync(string what, bool wait, CancellationToken stop)
    {
        var watch = new HostWatch(domain, bootClock);
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
                $"{domain.Lun.Path}: {what}: {first.Name} is held in domain {domain.Uuid}. Stop that node, or wait for that verb; if it crashed, --wait goes on once that is proven.");
        }
        foreach (var volume in await new LunReader(domain.Lun).ListVolumesAsync())
        {
            if (volume.ActiveOn.Count > 0)
            {
                throw Refusal.Conflict($"{domain.Lun.Path}: {what}: volume {volume.Volume} is active on {string.Join(", ", volume.ActiveOn)}. Deactivate it first.");
            }
        }
    }
}
