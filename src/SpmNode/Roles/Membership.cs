using System.Collections.Concurrent;
using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Roles;

/// <summary>One host id of the pool: taken, renewed, described on the LUN, given back.</summary>
sealed class Membership(
    PoolDomain domain, HostIdentity identity, LeaseTiming timing, TimeProvider bootClock, IChoice choice, ILeaseObserver? observer = null, TermGuard? guard = null)
{
    readonly HostRecordStore records = new(domain);
    volatile HostRecordPair[] known = [];
    readonly SemaphoreSlim publishing = new(1);
    readonly ConcurrentDictionary<(ILeaseArea Area, long OffsetBytes, string Name), ResourceLease> leases = [];
    HostWishes wishes;
    bool locked;

    public HostIdentity Identity => identity;

    /// <summary>What ends a term as SPM that does not end by itself.</summary>
    public TermGuard Guard { get; } = guard ?? new TermGuard(timing.Expiry, observer);

    public LeaseTiming Timing => timing;

    /// <summary>Null before the first join.</summary>
    public LeaseKeeper? Keeper { get; private set; }

    public ulong Generation => Keeper?.Generation ?? 0;

    /// <summary>The SPM's lease under this host id; null before the first join. One object for the life of the process, like the keeper.</summary>
    public ResourceLease? SpmLease { get; private set; }

    /// <summary>Should this host be SPM?</summary>
    public HostWishes Wishes => wishes;

    public bool IsValid => Keeper is { } keeper && keeper.Deadline.Holds();

    /// <summary>Takes the host id; waits as long as the protocol says.</summary>
    /// <exception cref="Refusal">Somebody else has the host id or the name, or the sector cannot be believed.</exception>
    public async Task JoinAsync(CancellationToken stop)
    {
        if (!TryLockSector())
        {
            throw Refusal.Conflict(
                $"another process on this machine uses host id {identity.HostId} of this pool, or a write of an earlier one has not returned yet. Stop it, or give this node another host id.");
        }
        if (HasHeirs())
        {
            throw Refusal.Unavailable(
                $"host id {identity.HostId} is not taken again while processes of this machine run that hold a lease under its former life ('spm lease hold'). End them.");
        }
        await RefuseOtherTagsAsync();
        await RefreshRecordsAsync();
        await RefuseSecondNameAsync();
        // One keeper for the life of the process: it knows which writes of a former generation are still on their way (R8).
        Keeper ??= new LeaseKeeper(
            domain.Ids, domain.Geometry, domain.Lockspace, identity.HostId, identity.LeaseName, timing, bootClock, choice, WatchdogTimeoutOf, Guard) { Objection = Guard.Objection };
        SpmLease ??= LeaseAt(domain.Leases, domain.SpmLeaseOffset, PoolDomain.SpmResource);
        await AwaitFormerWritesAsync(stop);
        switch (await Keeper.JoinAsync(stop))
        {
            case JoinOutcome.Joined:
                break;
            case JoinOutcome.Busy busy:
                throw Refusal.Conflict($"host id {identity.HostId} is in use by '{busy.Holder}': {busy.Why}. Give this node another host id.");
            case JoinOutcome.Refused refused:
                throw Refusal.Damaged($"host id {identity.HostId} cannot be taken: {refused.Text} (byte {refused.SectorOffsetBytes} of the volume 'ids').");
            case JoinOutcome.IoFailed failed:
                throw Refusal.Unavailable($"host id {identity.HostId} was not taken: {failed.Text}");
        }
        RememberWishes();
        await PublishAsync(wishes);
        try
        {
            // Two nodes that join at once see each other only now: whoever publishes second finds the first.
            await RefuseSecondNameAsync();
        }
        catch (Refusal)
        {
            await LeaveServingAsync();
            throw;
        }
    }

    /// <summary>A named lease to be held under this host id, after the first join.</summary>
    /// <remarks>
    /// One object for the life of the process, like the keeper: it knows in which version its vote has said released, and that a grant of that
    /// version is none, since others may have read it as free.
    /// </remarks>
    public ResourceLease LeaseAt(ILeaseArea area, long offsetBytes, string name) => leases.GetOrAdd(
        (area, offsetBytes, name), at => new(at.Area, at.OffsetBytes, domain.Geometry, domain.Lockspace, at.Name, Keeper!, bootClock, choice));

    /// <summary>R8: gives the host id back once every write issued under it has returned. The volumes are closed.</summary>
    public async Task LeaveAsync()
    {
        if (Keeper is { } keeper)
        {
            await domain.Lun.WhenAllWritesReturnedAsync();
            await keeper.LeaveAsync();
        }
    }

    /// <summary>Gives back a host id that was just taken and is not kept, while guests go on writing.</summary>
    /// <remarks>
    /// Their writes are covered by the activation map's entries, which stay (R11), not by the host id: waiting for a moment without one could
    /// last for ever. Lease, record and metadata writes are waited for (R8), T at most; after that the host id is left to expire.
    /// </remarks>
    public async Task LeaveServingAsync()
    {
        if (Keeper is { } keeper)
        {
            var returned = domain.Lun.WhenControlWritesReturnedAsync();
            await Task.WhenAny(returned, Task.Delay(timing.IoTimeout, bootClock));
            if (returned.IsCompleted)
            {
                await keeper.LeaveAsync();
            }
        }
    }

    /// <summary>Changes what this host wants and says so on the LUN, where it outlives this process.</summary>
    public async Task WishAsync(HostWishes wanted)
    {
        if (!IsValid)
        {
            // The record names the generation that holds the host id (R28); without one there is nothing to say.
            throw Refusal.Unavailable("this node does not hold its host id now, so it cannot write its record. Ask again when it does.");
        }
        await PublishAsync(wanted);
    }

    async Task PublishAsync(HostWishes wanted)
    {
        // Two at once would write the same copy, and a torn write could then leave none.
        await publishing.WaitAsync();
        var before = wishes;
        try
        {
            wishes = wanted;
            await records.PublishAsync(Describe, identity.HostId);
        }
        catch
        {
            wishes = before;
            throw;
        }
        finally
        {
            publishing.Release();
        }
        await RefreshRecordsAsync();
    }

    /// <summary>Of every host id: one that is joining has a record before its lease can be seen.</summary>
    public async Task RefreshRecordsAsync() => known = await records.ReadAllAsync();

    /// <summary>Of host ids that the lease table has ever seen in use: the others' records say nothing of a live host.</summary>
    /// <param name="leader">The SPM, which may have joined since the table was filled.</param>
    public async Task RefreshRecordsInUseAsync(int leader) =>
        known = await records.ReadUpToAsync(Math.Min(Math.Max(Math.Max(Keeper!.Hosts.HighestUsed, leader), identity.HostId), SpmLayout.Hosts));

    /// <summary>R28: what a host says of itself, if it is the incarnation that holds the lease.</summary>
    public HostRecord? RecordOf(int hostId, ulong generation) =>
        hostId >= 1 && hostId <= known.Length && known[hostId - 1].Reading(generation) is HostRecordReading.Usable usable ? usable.Record : null;

    /// <summary>The newest believed record of a host id, read now: that host may have joined a moment ago. Good for a name, not for an address (R28).</summary>
    public async Task<HostRecord?> ReadRecordAsync(int hostId) => (await records.ReadAsync(hostId)).Newest;

    /// <summary>R7: every write of a former life of this node has returned.</summary>
    public bool HasSector => locked;

    /// <summary>R7: the lock lives in the very file description that writes the LUN; it ends when the last write has returned.</summary>
    public bool TryLockSector()
    {
        var sector = domain.Lun.SectorSize;
        return locked = locked || domain.Lun.TryLock(SectorOffset(identity.HostId) + domain.IdsOffset, sector);
    }

    /// <summary>R7 for another host id: holds off a node of this machine that would take it; says nothing of other machines.</summary>
    /// <returns>False when a process of this machine has it.</returns>
    public bool TryLockOther(int hostId) => domain.Lun.TryLock(SectorOffset(hostId) + domain.IdsOffset, domain.Lun.SectorSize);

    public void UnlockOther(int hostId) => domain.Lun.Unlock(SectorOffset(hostId) + domain.IdsOffset, domain.Lun.SectorSize);

    /// <summary>Gives R7's lock back, for one that did not join after all.</summary>
    public void UnlockSector()
    {
        if (locked)
        {
            domain.Lun.Unlock(SectorOffset(identity.HostId) + domain.IdsOffset, domain.Lun.SectorSize);
            locked = false;
        }
    }

    /// <summary>Processes of this machine still run that were started under a lease of this host id: they inherited a lock on its record.</summary>
    /// <remarks>A new generation would tell everybody that what the old one held is free, while they still work under it.</remarks>
    public bool HasHeirs()
    {
        var (offset, length) = HeirsRange;
        var free = domain.Lun.TryLock(offset, length);
        if (free)
        {
            domain.Lun.Unlock(offset, length);
        }
        return !free;
    }

    /// <summary>What they lock, on the LUN: bytes that no other lock covers.</summary>
    public (long OffsetBytes, long LengthBytes) HeirsRange =>
        (domain.SpmOffset + domain.Layout.HostRecordOffsetBytes(identity.HostId, 0), domain.Lun.SectorSize);

    /// <summary>Somebody else's name stands in our sector, and was not given back.</summary>
    public async Task<bool> IsHeldByOtherAsync() =>
        await LeaseOfAsync(identity.HostId) is { Timestamp: not 0 } held && held.Resource.ToString() != identity.LeaseName;

    /// <summary>R23: hosts that seem to live and have no record of ours: VDSM may be SPM here.</summary>
    public IReadOnlyList<int> Strangers()
    {
        // Asked with every look at the lease: there is hardly ever one.
        List<int>? strangers = null;
        foreach (var host in Keeper!.Hosts.Snapshot())
        {
            if (host.Id != identity.HostId && host.State is HostState.Live or HostState.Unknown && RecordOf(host.Id, host.Generation) is null)
            {
                (strangers ??= []).Add(host.Id);
            }
        }
        return strangers ?? (IReadOnlyList<int>)[];
    }

    /// <summary>R23, for a verb that does not stay long enough to see who renews: host ids held without a record of ours.</summary>
    /// <remarks>An offline verb that is still joining has no record yet; its name tells what it is.</remarks>
    public async Task<IReadOnlyList<HostHolder>> StrangersOnDiskAsync()
    {
        var held = await new HostWatch(domain, bootClock).HeldAsync();
        // After them: a host that joined again since the records were read would be a stranger for as long as nobody else has them read.
        await RefreshRecordsAsync();
        return
        [
            .. held.Where(holder =>
                holder.IsBelieved && holder.HostId != identity.HostId && RecordOf(holder.HostId, holder.Lease!.OwnerGeneration) is null
                && !OfflineJoin.IsOffline(holder.HostId, holder.Lease!.Resource.ToString())),
        ];
    }

    /// <summary>R7, R8: a host id that was lost is taken again only when every write of the former life has returned.</summary>
    /// <remarks>
    /// R7's lock is ours all the time, so it says nothing here, and the keeper knows its own writes only. A new generation tells the
    /// others that the former life is over: they take the SPM lease at once, and a commit of that life, still in the kernel, lands on theirs.
    /// </remarks>
    async Task AwaitFormerWritesAsync(CancellationToken stop)
    {
        var returned = domain.Lun.WhenControlWritesReturnedAsync();
        if (!returned.IsCompleted)
        {
            await Task.WhenAny(returned, Pause.ForAsync(timing.IoTimeout, bootClock, stop));
            stop.ThrowIfCancellationRequested();
        }
        if (!returned.IsCompleted)
        {
            throw Refusal.Unavailable(
                $"host id {identity.HostId} is not taken again while a write of this node's former life has not returned; look at the paths to the storage.");
        }
    }

    /// <summary>R19: the timeouts in the tags may have been changed since this process read them; hosts that count differently do not mix.</summary>
    async Task RefuseOtherTagsAsync()
    {
        var read = await domain.Lun.ReadGroupAsync(domain.Seen.Newest);
        if (read.Group is null && domain.IsMetadataLost)
        {
            // Whoever brings the metadata back: without them nobody else can come either, with other timeouts or the same.
            return;
        }
        if (read.Group is not { } group)
        {
            throw Refusal.Unavailable($"host id {identity.HostId} is not taken while the volume group cannot be read: {read.Problem}");
        }
        if (!PoolTags.TryParse(group.Tags, out var now, out _) || now.IoTimeoutSeconds != domain.Tags.IoTimeoutSeconds
            || now.WatchdogTimeoutSeconds != domain.Tags.WatchdogTimeoutSeconds)
        {
            throw Refusal.Conflict(
                $"the pool's timeouts were changed to {now.IoTimeoutSeconds} s and {now.WatchdogTimeoutSeconds} s (io, watchdog); this node counts with {domain.Tags.IoTimeoutSeconds} s and {domain.Tags.WatchdogTimeoutSeconds} s. Start it again, and every other node with it.");
        }
    }

    async Task RefuseSecondNameAsync()
    {
        foreach (var record in known.Select(pair => pair.Newest).OfType<HostRecord>())
        {
            if (record.Name == identity.Name && record.Host != identity.HostId && await HoldsAsync(record))
            {
                throw Refusal.Conflict(
                    $"the name '{identity.Name}' is used by host id {record.Host} (machine {record.MachineId}). Names must differ: give this node another one, or start it with host id {record.Host}.");
            }
        }
    }

    async Task<bool> HoldsAsync(HostRecord record) =>
        await LeaseOfAsync(record.Host) is { Timestamp: not 0 } lease && lease.OwnerGeneration == record.Generation;

    /// <summary>Nobody has renewed, given back or taken this host id since we saw it like this.</summary>
    public async Task<bool> IsStillAsync(HostView seen) =>
        await LeaseOfAsync(seen.Id) is { } now && (now.OwnerGeneration, now.Timestamp) == (seen.Generation, seen.Timestamp);

    /// <summary>What stands in a host id's sector; null when it cannot be believed.</summary>
    async Task<LeaderRecord?> LeaseOfAsync(int hostId)
    {
        var sector = new byte[domain.Lun.SectorSize];
        await domain.Ids.ReadAsync(SectorOffset(hostId), sector);
        return LeaderRecord.TryParse(LeaderKind.HostId, sector, out var lease) == RecordError.None ? lease : null;
    }

    long SectorOffset(int hostId) => (long)(hostId - 1) * domain.Lun.SectorSize;

    /// <summary>R19: from the record of the same incarnation; null makes the wait at least 60 s of watchdog time.</summary>
    TimeSpan? WatchdogTimeoutOf(int hostId, ulong generation) =>
        RecordOf(hostId, generation) is { } record ? TimeSpan.FromSeconds(record.WatchdogTimeoutSeconds) : null;

    /// <summary>What this machine wanted in its last life under this host id; another machine's wishes are not ours.</summary>
    void RememberWishes()
    {
        if (known[identity.HostId - 1].Newest is { } last && last.MachineId == identity.MachineId)
        {
            wishes = new HostWishes(last.Preference, last.Maintenance);
        }
    }

    HostRecord Describe(ulong sequence) => new(
        domain.Superblock.Pool, identity.HostId, Generation, sequence, identity.MachineId, identity.BootId, identity.Name, identity.Url, identity.Build,
        Guard.Kind, (int)timing.WatchdogTimeout.TotalSeconds, (int)timing.IoTimeout.TotalSeconds, wishes.Preference, wishes.Maintenance);
}
