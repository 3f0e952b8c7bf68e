using OvirtSpm.Leases;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Storage;

/// <summary>Who holds host ids of a domain, and whether they live, for one who holds none: read only.</summary>
sealed class HostWatch(StorageDomain domain, TimeProvider bootClock)
{
    static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    /// <summary>Every host id that is held, ascending; those whose sector cannot be believed are among them.</summary>
    public Task<IReadOnlyList<HostHolder>> HeldAsync() => HeldAsync(domain);

    public static async Task<IReadOnlyList<HostHolder>> HeldAsync(StorageDomain domain)
    {
        var size = domain.Lun.SectorSize;
        var sectors = new byte[SpmLayout.Hosts * size];
        await domain.Ids.ReadAsync(0, sectors);
        var held = new List<HostHolder>();
        for (var id = 1; id <= SpmLayout.Hosts; id++)
        {
            var error = LeaderRecord.TryParse(LeaderKind.HostId, sectors.AsSpan((id - 1) * size, size), out var lease);
            if (error != RecordError.None || lease!.Timestamp != 0)
            {
                held.Add(new HostHolder(id, error, lease));
            }
        }
        return held;
    }

    /// <summary>Watches until each of these is proven dead: unchanged for 8 T + W, by the largest T and W that anybody states (R19).</summary>
    /// <returns>One that lives or cannot be judged; null when all of them are dead or gave their host id back.</returns>
    public async Task<HostHolder?> FindLivingAsync(IReadOnlyList<HostHolder> held, CancellationToken stop)
    {
        if (held.FirstOrDefault(holder => !holder.IsBelieved) is { } unknown)
        {
            return unknown;
        }
        // R19: where nobody keeps records, every host counts with 60 s of watchdog time at least.
        var records = domain is PoolDomain pool ? await new HostRecordStore(pool).ReadAllAsync() : null;
        TimeSpan? Watchdog(HostHolder holder) => records?[holder.HostId - 1].Reading(holder.Lease!.OwnerGeneration) is HostRecordReading.Usable { Record: var record }
            ? TimeSpan.FromSeconds(record.WatchdogTimeoutSeconds) : null;
        var watching = held.ToDictionary(holder => holder.HostId);
        var started = bootClock.GetTimestamp();
        while (watching.Count > 0)
        {
            var asked = bootClock.GetElapsedTime(started);
            var now = (await HeldAsync()).ToDictionary(holder => holder.HostId);
            foreach (var (id, seen) in watching.ToList())
            {
                if (!now.TryGetValue(id, out var holder) || holder is { IsBelieved: true } && holder.Lease!.OwnerGeneration != seen.Lease!.OwnerGeneration)
                {
                    watching.Remove(id); // that life gave its host id back; a new one is not what was asked about
                }
                else if (!holder.IsBelieved || holder.Lease!.Timestamp != seen.Lease!.Timestamp)
                {
                    return holder;
                }
                else if (asked > domain.Timing.DeadAfter(TimeSpan.FromSeconds(seen.Lease!.IoTimeoutSeconds), Watchdog(seen)))
                {
                    watching.Remove(id);
                }
            }
            if (watching.Count > 0)
            {
                await Task.Delay(Look, bootClock, stop);
            }
        }
        return null;
    }
}
