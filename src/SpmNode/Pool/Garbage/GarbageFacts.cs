using System.Collections.Immutable;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;
using OvirtSpm.Volumes.Xleases;

namespace OvirtSpm.Node.Pool.Garbage;

/// <summary>A lease's leader, as far as garbage goes.</summary>
enum LeaseFact
{
    None,
    Free,
    Held,
    Damaged,
}

/// <summary>A slot that no LV has.</summary>
readonly record struct SlotFact(int Slot, bool HasText, LeaseFact Lease);

/// <summary>One place of the volume <c>xleases</c>: what the index says, and what lies there.</summary>
/// <param name="LeaseName">Of the lease that lies there.</param>
readonly record struct IndexFact(int Number, XleasesError Error, XleasesRecord? Record, LeaseFact Lease, string LeaseName);

/// <summary>Everything that garbage is judged by, read at one time. Reads only.</summary>
/// <param name="Open">Volumes on which an operation is, or may be, under way.</param>
sealed record GarbageFacts(
    ImmutableArray<VolumeInfo> Volumes, IReadOnlySet<Guid> Open, ActivationTable Maps, ImmutableArray<SlotFact> FreeSlots,
    XleasesError IndexError, ImmutableArray<IndexFact> Index)
{
    /// <summary>As many as the lane has threads.</summary>
    const int AtOnce = 8;

    /// <summary>For whoever is not SPM.</summary>
    public static Task<GarbageFacts> ReadAsync(PoolDomain domain) => ReadAsync(
        domain, () => LunReader.ViewAsync(domain),
        async view => (await JournalPlace.Of(domain).ReadAsync(view.Group)).State().Open.Select(operation => operation.Volume));

    /// <param name="openNow">The volumes with an operation that is open at that moment.</param>
    public static async Task<GarbageFacts> ReadAsync(PoolDomain domain, Func<Task<DomainView>> look, Func<DomainView, Task<IEnumerable<Guid>>> openNow)
    {
        // Between two looks: what was unfinished in both, and is not open in between, nobody was working on.
        var before = await look();
        var open = (await openNow(before)).ToHashSet();
        var after = await look();
        open.UnionWith(after.Volumes.Select(volume => volume.Uuid).Except(before.Volumes.Where(IsUnfinished).Select(volume => volume.Uuid)));
        return await ReadAsync(domain, after, open);
    }

    static bool IsUnfinished(VolumeInfo volume) => volume.Tags.Initializing || volume.Tags.Removal != RemovalMark.None;

    static async Task<GarbageFacts> ReadAsync(PoolDomain domain, DomainView view, IReadOnlySet<Guid> open)
    {
        var taken = VolumeCatalogue.TakenSlots(view.Group.LogicalVolumes.Select(DomainView.Facts)).ToHashSet();
        var free = Enumerable.Range(SlotGeometry.FirstSlot, SlotGeometry.LastSlot).Where(slot => !taken.Contains(slot)).ToList();
        var texts = await new SlotStore(domain.Slots, domain.Uuid).ReadAsync(free);
        var index = await LeaseIndexStore.ReadAsync(domain);
        var capacity = XleasesLayout.Capacity(domain.ExternalLeases.SizeBytes);
        return new GarbageFacts(
            view.Volumes, open, await ActivationMaps.ReadAllAsync(domain),
            await EachAsync(free, async slot => new SlotFact(slot, HasText(texts[slot]), (await LeaseAsync(domain, domain.Leases, SlotGeometry.LeaseOffsetBytes(slot))).Fact)),
            index.Error,
            await EachAsync([.. Enumerable.Range(0, capacity)], async number =>
            {
                var (error, record) = index[number];
                var (lease, name) = await LeaseAsync(domain, domain.ExternalLeases, XleasesLayout.LeaseOffsetBytes(number));
                return new IndexFact(number, error, record, lease, name);
            }));
    }

    /// <summary>oVirt's own mark of a slot that was given back is none.</summary>
    public static bool HasText(SlotReading slot) => slot.Error is not (SlotError.Empty or SlotError.Cleared) || slot.Agreement != SlotAgreement.NoRecord;

    public static async Task<(LeaseFact Fact, string Name)> LeaseAsync(PoolDomain domain, Leases.ILeaseArea area, long offsetBytes)
    {
        var sector = new byte[domain.Lun.SectorSize];
        await area.ReadAsync(offsetBytes, sector);
        return LeaderRecord.TryParse(LeaderKind.Resource, sector, out var leader) switch
        {
            RecordError.WrongMagic or RecordError.Cleared => (LeaseFact.None, ""),
            RecordError.None when leader!.Timestamp == 0 => (Of(LeaseFact.Free), leader.Resource.ToString()),
            RecordError.None => (Of(LeaseFact.Held), leader!.Resource.ToString()),
            _ => (LeaseFact.Damaged, ""),
        };

        // Of another domain: what lay here before this one was made.
        LeaseFact Of(LeaseFact fact) => leader!.Lockspace.Means(LeaseName.Of(domain.Lockspace)) ? fact : LeaseFact.None;
    }

    static async Task<ImmutableArray<TOut>> EachAsync<TIn, TOut>(IReadOnlyList<TIn> all, Func<TIn, Task<TOut>> read)
    {
        var results = new TOut[all.Count];
        var next = -1;
        await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async _ =>
        {
            while (Interlocked.Increment(ref next) is var at && at < all.Count)
            {
                results[at] = await read(all[at]);
            }
        }));
        return [.. results];
    }
}
