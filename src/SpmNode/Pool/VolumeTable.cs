using System.Collections.Concurrent;
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
        var group = Group;
        return new DomainView(domain, group, VolumeCatalogue.Join(domain.Uuid, group.LogicalVolumes.Select(DomainView.Facts), slots.GetValueOrDefault));
    }

    /// <summary>Finds one volume. A whole uuid is looked up directly, so that an extend does not cost a walk over all volumes.</summary>
    /// <exception cref="Refusal">Unknown or ambiguous.</exception>
    public VolumeInfo Find(string reference) =>
        Guid.TryParseExact(reference, "D", out var uuid) && Group.Find(uuid.ToString()) is { } lv
            ? Join(lv)
            : View().Find(reference);

    public VolumeInfo? Find(Guid volume) => Group.Find(volume.ToString()) is { } lv ? Join(lv) : null;

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

    public void ReleaseSlot(int slot)
    {
        lock (guard)
        {
            reserved.Remove(slot);
        }
    }

    /// <summary>Reads one slot again after it was written.</summary>
    public async Task RefreshSlotAsync(int slot) => slots[slot] = await new SlotStore(domain.Slots, domain.Uuid).ReadAsync(slot);

    VolumeInfo Join(LogicalVolume lv)
    {
        var facts = DomainView.Facts(lv);
        var tags = VolumeTags.Parse(facts.Tags, out _);
        var inSlot = tags.Slot is { } slot && slots.TryGetValue(slot, out var reading) ? reading.Slot?.Parent : null;
        // Its parent has to be seen, too, or the chain would be called broken; during a merge the slot names another one than the tag.
        var parents = new[] { tags.Parent, inSlot }.OfType<Guid>().Distinct().Select(parent => Group.Find(parent.ToString())).OfType<LogicalVolume>();
        return VolumeCatalogue.Join(domain.Uuid, [facts, .. parents.Select(DomainView.Facts)], slots.GetValueOrDefault).FirstOrDefault(volume => volume.Name == lv.Name)
            ?? throw Refusal.Invalid($"'{lv.Name}' is a special volume of the domain; it is not a virtual disk.");
    }
}
