using System.Collections.Concurrent;
using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool;

/// <summary>What the SPM knows of its volumes: the committed group and, kept beside it, what the slots say.</summary>
/// <remarks>Slots are read once, at the takeover; after that only the SPM writes them. Any thread may read.</remarks>
sealed class VolumeTable
{
    readonly PoolDomain domain;
    readonly PoolWorker worker;
    readonly ConcurrentDictionary<int, SlotReading> slots;
    readonly HashSet<int> reserved = [];
    readonly Lock guard = new();
    readonly SemaphoreSlim changing = new(1);

    VolumeTable(PoolDomain domain, PoolWorker worker, IEnumerable<KeyValuePair<int, SlotReading>> slots)
    {
        (this.domain, this.worker) = (domain, worker);
        this.slots = new ConcurrentDictionary<int, SlotReading>(slots);
    }

    public VolumeGroup Group => worker.Current;

    public static async Task<VolumeTable> LoadAsync(PoolDomain domain, PoolWorker worker)
    {
        var facts = worker.Current.LogicalVolumes.Select(DomainView.Facts);
        var slots = await new SlotStore(domain.Slots, domain.Uuid).ReadAsync(VolumeCatalogue.TakenSlots(facts));
        return new VolumeTable(domain, worker, slots);
    }

    public DomainView View()
    {
        while (true)
        {
            var group = Group;
            var volumes = VolumeCatalogue.Join(domain.Uuid, group.LogicalVolumes.Select(DomainView.Facts), slots.GetValueOrDefault);
            if (!volumes.Any(volume => IsTorn(volume, group)))
            {
                return new DomainView(domain, group, volumes);
            }
        }
    }

    /// <summary>Finds one volume. A whole uuid is looked up directly, so that an extend does not cost a walk over all volumes.</summary>
    /// <exception cref="Refusal">Unknown or ambiguous.</exception>
    public VolumeInfo Find(string reference) =>
        Guid.TryParseExact(reference, "D", out var uuid) && Find(uuid) is { } volume ? volume : View().Find(reference);

    public VolumeInfo? Find(Guid volume)
    {
        while (true)
        {
            var group = Group;
            if (group.Find(volume.ToString()) is not { } lv)
            {
                return null;
            }
            var joined = Join(group, lv);
            if (!IsTorn(joined, group))
            {
                return joined;
            }
        }
    }

    /// <summary>Takes the first slot that neither a volume nor a creation under way has.</summary>
    public int ReserveSlot()
    {
        lock (guard)
        {
            var taken = VolumeCatalogue.TakenSlots(Group.LogicalVolumes.Select(DomainView.Facts)).Concat(reserved);
            var slot = SlotGeometry.FirstFree(taken)
                ?? throw Refusal.NoSpace(
                    $"the domain has {SlotGeometry.MaximumVolumes} volumes, the most its lease volume has room for. Delete some, or use another domain.");
            reserved.Add(slot);
            return slot;
        }
    }

    /// <summary>Takes one slot that no volume and no creation under way has.</summary>
    public bool TryReserveSlot(int slot)
    {
        lock (guard)
        {
            return !VolumeCatalogue.TakenSlots(Group.LogicalVolumes.Select(DomainView.Facts)).Contains(slot) && reserved.Add(slot);
        }
    }

    public void ReleaseSlot(int slot)
    {
        lock (guard)
        {
            reserved.Remove(slot);
        }
    }

    /// <summary>Reads one slot again after it was written.</summary>
    public async Task RefreshSlotAsync(int slot)
    {
        await changing.WaitAsync();
        try
        {
            await ReadSlotAsync(slot);
        }
        finally
        {
            changing.Release();
        }
    }

    /// <summary>Changes what is in a slot now: what another verb has written there since its volume was looked up stays.</summary>
    /// <param name="area">The slots, behind the fence.</param>
    public async Task ChangeSlotAsync(int slot, Guid volume, ILeaseArea area, Func<VolumeSlot, VolumeSlot> change)
    {
        await changing.WaitAsync();
        try
        {
            await ReadSlotAsync(slot);
            var now = slots[slot].Slot ?? throw Refusal.Conflict($"slot {slot} of volume {volume} cannot be believed any more; 'spm domain check --lun' tells why.");
            await new SlotStore(area, domain.Uuid).WriteAsync(slot, volume, change(now));
            await ReadSlotAsync(slot);
        }
        finally
        {
            changing.Release();
        }
    }

    async Task ReadSlotAsync(int slot) => slots[slot] = await new SlotStore(domain.Slots, domain.Uuid).ReadAsync(slot);

    VolumeInfo Join(VolumeGroup group, LogicalVolume lv) =>
        VolumeCatalogue.Join(domain.Uuid, Lineage(group, lv).Select(DomainView.Facts), slots.GetValueOrDefault).FirstOrDefault(volume => volume.Name == lv.Name)
            ?? throw Refusal.Invalid($"'{lv.Name}' is a special volume of the domain; it is not a virtual disk.");

    /// <summary>An LV of before a change and a slot of after it fit together badly: a raw disk that has grown meanwhile looks as if its LV had been cut.</summary>
    bool IsTorn(VolumeInfo joined, VolumeGroup group) => joined.Problems.Count > 0 && !ReferenceEquals(Group.Find(joined.Name), group.Find(joined.Name));

    /// <summary>The volume and all below it: without them its chain would be called broken. During a merge a slot names another parent than the tag.</summary>
    List<LogicalVolume> Lineage(VolumeGroup group, LogicalVolume lv)
    {
        var lineage = new List<LogicalVolume> { lv };
        for (var at = 0; at < lineage.Count; at++)
        {
            var tags = VolumeTags.Parse(lineage[at].Tags, out _);
            var inSlot = tags.Slot is { } slot && slots.TryGetValue(slot, out var reading) ? reading.Slot?.Parent : null;
            foreach (var parent in new[] { tags.Parent, inSlot }.OfType<Guid>().Select(parent => group.Find(parent.ToString())).OfType<LogicalVolume>())
            {
                if (!lineage.Contains(parent))
                {
                    lineage.Add(parent);
                }
            }
        }
        return lineage;
    }
}
