using System.Buffers;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Storage;

/// <summary>The activation maps on the LUN. Each host writes its own; whoever frees extents or activates reads all (R10).</summary>
sealed class ActivationMaps(PoolDomain domain, int hostId, MapOwner self)
{
    readonly SemaphoreSlim writing = new(1);
    readonly HashSet<int> held = [];
    volatile ActivationTable? last;
    volatile bool leftBehind;

    public int HostId => hostId;

    /// <summary>R11: asked of a slot that nobody here holds: does this machine's kernel still map its volume?</summary>
    public Func<int, bool> IsMapped { get; init; } = _ => false;

    /// <summary>Takes a slot for one use by this process: a volume being created, or one being activated and served.</summary>
    /// <remarks>
    /// The entry on the LUN is one bit for both uses: without this, the end of a creation would clear the entry of an activation
    /// that began the moment the volume became visible, and another host could write it (R10).
    /// </remarks>
    /// <returns>False while another use has it.</returns>
    public bool TryHold(int slot)
    {
        lock (held)
        {
            return held.Add(slot);
        }
    }

    /// <summary>Takes every slot that our map says this machine and boot had active before.</summary>
    /// <remarks>Entries are read and slots taken under the lock that clearing them needs: what is returned here stays marked until it is released.</remarks>
    /// <param name="already">Slots the caller holds.</param>
    public async Task<IReadOnlyList<(int Slot, ActivationMode Mode)>> HoldMarkedAsync(IReadOnlySet<int> already)
    {
        await writing.WaitAsync();
        try
        {
            var own = await ReadOwnAsync();
            return
            [
                .. own.Parts.Where(part => part.Sector is { IsIdle: false } sector && sector.Owner == self).SelectMany(part => part.Sector!.Active())
                    // What the SPM of an earlier life worked on was served to nobody; adopting the host id clears its entry (R11).
                    .Where(entry => entry.Mode is not ActivationMode.Working && (already.Contains(entry.Slot) || TryHold(entry.Slot))),
            ];
        }
        finally
        {
            writing.Release();
        }
    }

    public void Release(int slot)
    {
        lock (held)
        {
            held.Remove(slot);
        }
    }

    public async Task<ActivationTable> ReadAllAsync() => last = await ReadAllAsync(domain, last);

    /// <summary>For whoever writes none of them.</summary>
    /// <param name="last">An earlier table of the same pool.</param>
    public static async Task<ActivationTable> ReadAllAsync(PoolDomain domain, ActivationTable? last = null)
    {
        // A quarter of a mebibyte for every activation and removal: lent, and parsed only where it changed.
        var buffer = ArrayPool<byte>.Shared.Rent(domain.Layout.ActivationMapBytes);
        var bytes = buffer.AsMemory(0, domain.Layout.ActivationMapBytes);
        await domain.Spm.ReadAsync(domain.Layout.ActivationMaps.OffsetBytes, bytes);
        var table = ActivationTable.Read(domain.Layout, domain.Superblock.Pool, bytes.Span, last);
        // Not after a failure: whoever gave up on a read does not know whether the device is done with the memory.
        ArrayPool<byte>.Shared.Return(buffer);
        return table;
    }

    public Task<HostActivations> ReadOwnAsync() => ReadAsync(domain, hostId);

    public static async Task<HostActivations> ReadAsync(PoolDomain domain, int hostId)
    {
        var place = HostActivations.Place(domain.Layout, hostId);
        var bytes = new byte[place.SizeBytes];
        await domain.Spm.ReadAsync(place.OffsetBytes, bytes);
        return HostActivations.Read(domain.Layout, domain.Superblock.Pool, hostId, bytes);
    }

    /// <summary>Says on the LUN what this host may do with a volume; durable on return.</summary>
    /// <exception cref="Refusal">R11: the entries are another machine's, or the map cannot be believed.</exception>
    public async Task SetAsync(int slot, ActivationMode mode, ulong generation)
    {
        // One sector holds many volumes: two changes at once would lose one of them.
        await writing.WaitAsync();
        try
        {
            await SetInsideAsync(slot, mode, generation);
        }
        catch when (mode == ActivationMode.Inactive)
        {
            leftBehind = true;
            throw;
        }
        finally
        {
            writing.Release();
        }
    }

    /// <summary>Entries may be left that nobody uses: <see cref="ClearLeftBehindAsync"/> looks again.</summary>
    public void MayHaveLeftBehind() => leftBehind = true;

    /// <summary>Clears entries whose last write failed: nobody else could while this process runs, and what they keep can never be given away.</summary>
    /// <exception cref="IOException">Ask again.</exception>
    public async Task ClearLeftBehindAsync(ulong generation)
    {
        if (!leftBehind)
        {
            return;
        }
        leftBehind = false;
        await AdoptAsync(generation);
    }

    async Task SetInsideAsync(int slot, ActivationMode mode, ulong generation)
    {
        var own = await ReadOwnAsync();
        switch (own.Set(slot, mode, self, generation))
        {
            case MapChange.Write write:
                await domain.Spm.WriteAsync(write.Sector.OffsetBytes, write.Sector.Bytes);
                break;
            case MapChange.HeldByOther other:
                throw Refusal.Conflict(
                    $"the activation map of host id {hostId} holds entries of machine {other.Owner.MachineId}, boot {other.Owner.BootId}: only that machine clears them. Use another host id.");
            case MapChange.Unreadable unreadable:
                throw Refusal.Damaged($"the activation map of host id {hostId} cannot be believed ({unreadable.Error}); until it is, every volume counts as in use.");
        }
    }

    /// <summary>R11: clears what an earlier life of this machine left, except the slots that this process holds.</summary>
    /// <remarks>
    /// The caller holds R7's lock, so every write of that life has returned, and its sockets died with it. Entries of an earlier
    /// boot of this machine are void altogether. Entries of another machine stay, and this host id is then not ours to use.
    /// A host id that was lost and taken again finds volumes served and creations with writes on their way: those slots are held,
    /// and one that is taken while this runs writes its entry after it, under the same lock.
    /// </remarks>
    public async Task<IReadOnlyList<string>> AdoptAsync(ulong generation)
    {
        await writing.WaitAsync();
        try
        {
            return await AdoptInsideAsync(generation);
        }
        catch
        {
            // C8: what it would have cleared keeps volumes from being removed until it is.
            leftBehind = true;
            throw;
        }
        finally
        {
            writing.Release();
        }
    }

    async Task<IReadOnlyList<string>> AdoptInsideAsync(ulong generation)
    {
        var notes = new List<string>();
        var own = await ReadOwnAsync();
        foreach (var stranger in own.ForeignOwners(self))
        {
            if (stranger.MachineId != self.MachineId)
            {
                throw Refusal.Conflict(
                    $"host id {hostId} has volumes active on machine {stranger.MachineId}; only that machine may clear them. Give this node another host id.");
            }
        }
        for (var part = 0; part < own.Parts.Count; part++)
        {
            if (own.Parts[part].Sector is not { } sector)
            {
                throw Refusal.Damaged(
                    $"part {part} of the activation map of host id {hostId} cannot be believed ({own.Parts[part].Error}); volumes may be active under it. Use another host id.");
            }
            if (!sector.IsIdle && sector.Owner.BootId != self.BootId)
            {
                notes.Add($"entries of an earlier boot cleared: slots {string.Join(", ", sector.Active().Select(a => a.Slot))}");
                await domain.Spm.WriteAsync(own.Clear(part, self, generation).Sector.OffsetBytes, own.Clear(part, self, generation).Sector.Bytes);
            }
        }
        foreach (var (slot, _) in (await ReadOwnAsync()).Active().ToList())
        {
            if (IsHeld(slot))
            {
                continue;
            }
            if (IsMapped(slot))
            {
                // R11: cleared after checking this machine's tables. Whoever has the map open writes without this process.
                leftBehind = true;
                continue;
            }
            if (domain.Devices.MissingOfSlot(slot) is { } absent)
            {
                // R7: on a device that this life has not open no lock of ours proves that the former life's writes have returned.
                leftBehind = true;
                notes.Add($"slot {slot} was left active by an earlier life of this node and stays so: its volume lies on {absent}, which is not seen");
                continue;
            }
            await SetInsideAsync(slot, ActivationMode.Inactive, generation);
            notes.Add($"slot {slot} was left active by an earlier life of this node; cleared");
        }
        return notes;
    }

    bool IsHeld(int slot)
    {
        lock (held)
        {
            return held.Contains(slot);
        }
    }
}
