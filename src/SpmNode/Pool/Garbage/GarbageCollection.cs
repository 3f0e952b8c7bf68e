using OvirtSpm.Leases.HostId;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.LeaseService;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Garbage;

/// <summary>The SPM's part: each finding that is proven to be nobody's goes the way that its kind always goes, judged again there.</summary>
/// <param name="remove">Removes a volume as a person's request would: mark, maps, zeros if they were asked for, extents.</param>
sealed class GarbageCollection(
    SpmTerm term, ActivationMaps maps, Membership membership, Func<string, Task> remove, Func<Task> tidy, TimeProvider clock, Action<string> log)
{
    public async Task<GarbageReply> FindAsync() => new([.. (await SurveyAsync()).Select(garbage => garbage.Describe())]);

    /// <summary>Until a round finds nothing new: a parent can go when its child went, a slot when its volume did.</summary>
    /// <exception cref="Refusal">This host stopped being SPM meanwhile.</exception>
    public async Task<GarbageReply> CollectAsync()
    {
        var (collected, rest) = (new List<GarbageItem>(), new List<GarbageItem>());
        for (var isProgress = true; isProgress;)
        {
            (isProgress, rest) = (false, []);
            foreach (var garbage in await SurveyAsync())
            {
                if (collected.Exists(gone => (gone.Kind, gone.Place) == (garbage.Kind, garbage.Place)))
                {
                    continue; // it comes back: once a call is enough
                }
                var item = await CollectAsync(garbage);
                (item.Collected ? collected : rest).Add(item);
                isProgress |= item.Collected;
            }
        }
        // R1: what is told rests on a term that still lasts.
        return term.Fence.MayWrite()
            ? new GarbageReply([.. collected, .. rest])
            : throw Refusal.Unknown("this host stopped being SPM while it collected. Ask again: it is harmless, and the SPM of now goes on.");
    }

    async Task<IReadOnlyList<Garbage>> SurveyAsync() => GarbageSurvey.Of(await GarbageFacts.ReadAsync(
        term.Domain, () => Task.FromResult(term.Volumes.View()), _ => Task.FromResult(term.Journal.Open.Select(operation => operation.Volume))));

    async Task<GarbageItem> CollectAsync(Garbage garbage)
    {
        var item = garbage.Describe();
        if (garbage.Action is null)
        {
            return item;
        }
        try
        {
            item = await ActAsync(garbage) is { } left ? item with { Outcome = left } : item with { Outcome = garbage is Garbage.OfflineEntries ? "cleared" : garbage.Action, Collected = true };
        }
        catch (Exception later) when (later is Refusal or IOException && term.Fence.MayWrite())
        {
            item = item with { Outcome = $"left: {later.Message}" };
        }
        log($"garbage: {item.Kind}, {item.Place}: {item.Reason}: {item.Outcome}");
        return item;
    }

    /// <returns>Why it is left; null when it is gone.</returns>
    async Task<string?> ActAsync(Garbage garbage)
    {
        switch (garbage)
        {
            case Garbage.Leftover { Volume: var volume }:
                await remove(volume.Name);
                if (volume.Tags.Initializing)
                {
                    await tidy();
                }
                return null;
            case Garbage.Slots { Numbers: var slots }:
                var left = new List<string>();
                foreach (var slot in slots)
                {
                    if (await ClearSlotAsync(slot) is { } why)
                    {
                        left.Add($"slot {slot}: {why}");
                    }
                }
                return left.Count == 0 ? null : $"{slots.Length - left.Count} of {slots.Length} cleared; left: {string.Join("; ", left)}";
            case Garbage.IndexRecord record:
                return await new LeaseCreation(term.Domain, term.Fence, clock).FreeRecordAsync(record.Number, record.Name) ? null : "left: a lease lies there now";
            case Garbage.OfflineEntries entries:
                return await ClearEntriesAsync(entries.Host);
            default:
                throw new InvalidOperationException("a closed set of garbage");
        }
    }

    /// <summary>The slot is taken for as long as this writes, here and on the LUN: a volume that gets it meanwhile, also from a successor, would lose its text.</summary>
    async Task<string?> ClearSlotAsync(int slot)
    {
        if (!term.Volumes.TryReserveSlot(slot))
        {
            return "a volume has it by now";
        }
        try
        {
            // R13: as for a volume's own writes.
            await using var hold = await SlotHold.TryTakeAsync(maps, slot, () => membership.Generation);
            if (hold is null || (await maps.ReadAllAsync()).UsersOf(slot).Any(user => user.Host != maps.HostId))
            {
                return "a host uses it by now";
            }
            var place = SlotGeometry.LeaseOffsetBytes(slot);
            if ((await GarbageFacts.LeaseAsync(term.Domain, term.Domain.Leases, place)).Fact == LeaseFact.Held)
            {
                return "its lease is held by now";
            }
            var sector = term.Domain.Lun.SectorSize;
            await new FencedArea(term.Domain.Leases, term.Fence).WriteAsync(place, new byte[sector]);
            await new FencedArea(term.Domain.Slots, term.Fence).WriteAsync(
                SlotGeometry.OffsetBytes(slot), new byte[Math.Max(sector, SlotGeometry.TextBytes + SlotRecord.SizeBytes)]);
            return null;
        }
        finally
        {
            term.Volumes.ReleaseSlot(slot);
        }
    }

    /// <summary>R11: only that machine clears them. Its process is gone when R7's lock can be had and the host id is not held by anything that may live.</summary>
    /// <remarks>No node has one of these host ids: a node's entries are what its next life serves again, and stay.</remarks>
    async Task<string?> ClearEntriesAsync(int host)
    {
        var map = await ActivationMaps.ReadAsync(term.Domain, host);
        var self = membership.Identity.MapOwner;
        if (host == membership.Identity.HostId || membership.Keeper?.Hosts.Find(host) is not { State: HostState.Free or HostState.Dead } view)
        {
            return "left: it may be at work; what does not renew is proven dead after a while";
        }
        if (!map.IsReadable || map.ForeignOwners(self).Any(owner => owner.MachineId != self.MachineId))
        {
            return $"left: it is another machine's; 'spm domain gc' on that machine's node, or 'spm host confirm-dead {host}' when it is off";
        }
        if (!membership.TryLockOther(host))
        {
            return "left: a process of this machine has that host id";
        }
        try
        {
            // Read again under the lock.
            map = await ActivationMaps.ReadAsync(term.Domain, host);
            foreach (var (part, at) in map.Parts.Select((part, at) => (part, at)).Where(p => p.part.Sector is not { IsIdle: true }).ToList())
            {
                if (part.Sector is null || part.Sector.Owner.MachineId != self.MachineId || !await membership.IsStillAsync(view))
                {
                    return "left: that host id was taken again";
                }
                var write = map.Clear(at, self, membership.Generation);
                await new FencedArea(term.Domain.Spm, term.Fence).WriteAsync(write.Sector.OffsetBytes, write.Sector.Bytes);
                map = write.Next;
            }
            return null;
        }
        finally
        {
            membership.UnlockOther(host);
        }
    }
}
