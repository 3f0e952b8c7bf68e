using System.Collections.Concurrent;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Activation.Mapped.Tail;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Activation;

/// <summary>Makes volumes usable on this host, and says so on the LUN before they are (R10).</summary>
sealed partial class VolumeActivator(
    PoolDomain domain, Membership membership, ActivationMaps maps, IVolumeServer server, Func<Guid, IGrowthRequests> growth,
    string socketDirectory, TimeSpan holdLimit, TimeProvider clock, ExportMetrics metrics, Action<string> log)
{
    /// <summary>How long a deactivation waits for writes that the device has not returned.</summary>
    static readonly TimeSpan DeactivationLimit = TimeSpan.FromSeconds(10);

    readonly ConcurrentDictionary<Guid, ActiveVolume> active = [];
    readonly SemaphoreSlim changing = new(1);
    bool ended;

    public IReadOnlyCollection<ActiveVolume> Active => [.. active.Values];

    public ActiveVolume? Find(Guid volume) => active.GetValueOrDefault(volume);

    /// <summary>Physical volumes whose extents this host can use.</summary>
    public IReadOnlyList<string> Devices => domain.Devices.Seen;

    /// <summary>Reads the metadata, and looks for devices that were added.</summary>
    /// <returns>True when this host sees more than before.</returns>
    public async Task<bool> LookForDevicesAsync()
    {
        var before = domain.Devices.Seen.Count;
        await domain.ReadMetadataAsync();
        return domain.Devices.Seen.Count > before;
    }

    public ActiveVolume? FindBySocket(string path) => active.Values.FirstOrDefault(a => a.Served.SocketPath == path);

    /// <summary>The node ends: sockets close, so that guests wait for it to come back; the entries on the LUN stay (R11).</summary>
    public async Task CloseAsync()
    {
        await changing.WaitAsync();
        try
        {
            // R8: what were activated after this would be written while the host id waits for all writes to return.
            ended = true;
            // What the kernel maps goes on without this process: its entry stays, and the next life finds both. Only what waits behind its end ends.
            await Task.WhenAll(active.Values.Where(there => there.Export.OutlivesNode).Select(there => there.Served.DisposeAsync().AsTask()));
            foreach (var there in active.Values.Where(there => !there.Export.OutlivesNode))
            {
                // The socket first: what is held or under way is then repeated by the guest's reconnect instead of failing.
                await there.Served.DisposeAsync();
                if (await there.Export.DeactivateAsync(DeactivationLimit) is DeactivateOutcome.Returned && there.IsExclusive)
                {
                    // Unlike the others it does not come back with the node: another host may have its lease by then.
                    await TryForgetAsync(there);
                }
            }
        }
        finally
        {
            changing.Release();
        }
    }

    /// <param name="exclusive">Hold the volume's own lease while it is active.</param>
    public async Task<ActiveVolume> ActivateAsync(string reference, bool readOnly, bool exclusive = false)
    {
        if (readOnly && exclusive)
        {
            throw Refusal.Invalid("a volume is activated exclusively for writing; for reading no lease is held.");
        }
        RefuseMappedExclusive(exclusive);
        await changing.WaitAsync();
        try
        {
            if (ended)
            {
                throw Refusal.Unavailable("this node is ending, so it activates nothing. Ask again when it is back.");
            }
            if (!membership.IsValid)
            {
                // R12: without a host id nothing new is activated; what is active goes on.
                throw Refusal.Unavailable("this node does not hold its host id now, so it activates nothing. See 'spm status'.");
            }
            var before = await LunReader.ViewAsync(domain);
            var volume = Usable(before, before.Find(reference), readOnly);
            domain.Devices.Require(before.Group, volume.Name);
            if (active.TryGetValue(volume.Uuid, out var there))
            {
                if (there.Export.IsClosed)
                {
                    throw Refusal.Conflict($"volume {volume.Name} is being deactivated here; ask again when that is done.");
                }
                return there.ReadOnly == readOnly && there.IsExclusive == exclusive
                    ? there
                    : throw Refusal.Conflict(
                        $"volume {volume.Name} is active here {(there.ReadOnly ? "read-only" : there.IsExclusive ? "exclusively" : "for writing")}; deactivate it first.");
            }
            return await ActivateAsync(volume, volume.Tags.Slot!.Value, readOnly, exclusive);
        }
        finally
        {
            changing.Release();
        }
    }

    /// <summary>R10: set, flush, read the other maps, re-read the metadata; only then it may be used. A conflict backs off.</summary>
    /// <remarks><code>
    /// this host                       the host that has it           SPM
    /// entry
    /// metadata: 896 MiB
    ///                                 asks for space                 commits 1152 MiB
    ///                                 its guest writes there, ends
    ///                                 entry cleared
    /// other maps: nobody
    /// </code>Served by that text, the guest would read zeros where its data are. Behind the maps nobody else can begin to use the volume.</remarks>
    async Task<ActiveVolume> ActivateAsync(VolumeInfo volume, int slot, bool readOnly, bool exclusive)
    {
        if (!maps.TryHold(slot))
        {
            throw Refusal.Conflict($"volume {volume.Name} is being created on this node; ask again in a moment.");
        }
        var generation = membership.Generation;
        VolumeLease? lease = null;
        try
        {
            // R10: keeps others away like a writer's entry. But a node that is killed before it has looked at their maps was never entitled
            // to write, and must not be when it starts again and cannot read one of them.
            await maps.SetAsync(slot, readOnly ? ActivationMode.ReadOnly : ActivationMode.Working, generation);
            var others = (await maps.ReadAllAsync()).OtherWriters(slot, membership.Identity.HostId);
            if (others.Where(other => other.Use == SlotUse.Working).ToList() is [var worker, ..])
            {
                throw Refusal.Conflict($"volume {volume.Name} is being worked on or activated by host id {worker.Host}; ask again when that is done.");
            }
            if (!readOnly && others is [var other, ..])
            {
                var name = KnownHost.Call(other.Host, (await membership.ReadRecordAsync(other.Host))?.Name);
                throw Refusal.Conflict(other.Use == SlotUse.Unreadable
                    ? $"the activation map of {name} cannot be read, so volume {volume.Name} counts as active there."
                    : $"volume {volume.Name} is active for writing on {name}; deactivate it there first.");
            }
            var view = await LunReader.SettledViewAsync(domain, clock);
            var now = Usable(view, view.Find(volume.Name), readOnly);
            if (now.Tags.Slot != slot)
            {
                throw Refusal.Conflict($"volume {volume.Name} moved to another slot while it was being activated; try again.");
            }
            // Behind the entry: the slot is this volume's as long as that stands there.
            lease = await LeaseForAsync(now, slot, readOnly, exclusive);
            if (!readOnly)
            {
                await maps.SetAsync(slot, ActivationMode.ReadWrite, generation);
            }
            if (!membership.IsValid)
            {
                // R12: read again, since the storage may have kept us waiting past the deadline.
                throw Refusal.Unavailable("this node lost its host id while it activated the volume. See 'spm status', and ask again.");
            }
            var there = await ServeAsync(view.Group, now, slot, readOnly, lease);
            if (lease is not null)
            {
                _ = WatchAsync(there, lease);
            }
            return there;
        }
        catch
        {
            try
            {
                if (lease is not null)
                {
                    await lease.ReleaseAsync();
                }
                await ClearUnlessMappedAsync(slot, generation);
            }
            finally
            {
                maps.Release(slot);
            }
            throw;
        }
    }

    /// <summary>Stops serving what the LUN does not mark as ours any more: somebody confirmed this machine dead while it was not (R11).</summary>
    /// <remarks>Its extents may be another volume's by now, or another host's to write. Needs no host id: it may have been given away, too.</remarks>
    /// <returns>False when it has to be asked again: the map could not be read, or a write has not returned.</returns>
    public async Task<bool> DropUnmarkedAsync()
    {
        var served = active.Values;
        if (served.Count == 0)
        {
            return true;
        }
        HostActivations own;
        try
        {
            // Nobody waits for this read: a node whose storage does not answer must still be able to end.
            own = await maps.ReadOwnAsync();
        }
        catch (IOException failed)
        {
            // Not knowing is no reason to take the disks from the guests.
            log($"whether the volumes served here are still marked as such cannot be read: {failed.Message}");
            return false;
        }
        await changing.WaitAsync();
        try
        {
            // What was activated since is not in that reading: only what was served before it and still is.
            return await DropAsync([.. served.Where(there => ReferenceEquals(Find(there.Volume), there) && !own.IsOwn(there.Slot, membership.Identity.MapOwner))]);
        }
        finally
        {
            changing.Release();
        }
    }

    async Task<bool> DropAsync(List<ActiveVolume> unmarked)
    {
        foreach (var there in unmarked.Where(there => !there.Export.IsClosed))
        {
            log($"volume {there.Volume} is not marked active here any more (this host was confirmed dead): it is not served on");
        }
        // All exports before anything that waits: each of them may write into what is somebody else's until it is closed. The guests get
        // an error at once instead of waiting for a server that does not come back.
        var closing = unmarked.Select(there => there.Export.CutOffAsync(DeactivationLimit)).ToList();
        await Task.WhenAll(unmarked.Select(there => there.Served.DisposeAsync().AsTask()));
        var done = true;
        foreach (var (there, returned) in unmarked.Zip(await Task.WhenAll(closing)))
        {
            if (returned is DeactivateOutcome.StillWriting still)
            {
                log($"volume {there.Volume}: {still.Writes} writes have not returned from the device");
                done = false;
                continue;
            }
            if (there.Lease is { } lease)
            {
                // Not given back: without the entry its place may be another volume's by now.
                await lease.EndAsync(() => Task.CompletedTask);
            }
            active.TryRemove(there.Volume, out _);
            maps.Release(there.Slot);
        }
        return done;
    }

    /// <param name="slot">The volume's, so that an entry is cleared, too, whose last write failed when an activation or a creation
    /// ended: nobody else could ever clear it while this node runs.</param>
    public async Task DeactivateAsync(Guid volume, int? slot = null)
    {
        await changing.WaitAsync();
        try
        {
            if (!active.TryGetValue(volume, out var there))
            {
                await ClearLeftoverAsync(slot);
                return;
            }
            if (there.Export.OutlivesNode)
            {
                await UnmapAsync(there);
                return;
            }
            // The server first: what is held stays unanswered, so a guest that is still there sends it again instead of seeing an error.
            await there.Served.DisposeAsync();
            if (await there.Export.DeactivateAsync(DeactivationLimit) is DeactivateOutcome.StillWriting still)
            {
                // R8, R11: the entry stays for as long as a write may land.
                throw Refusal.Unavailable(
                    $"volume {volume}: {still.Writes} writes have not returned from the device. It stays marked active on the LUN; deactivate it again when the storage answers.");
            }
            await ForgetAsync(there);
        }
        finally
        {
            changing.Release();
        }
    }

    async Task ClearLeftoverAsync(int? leftover)
    {
        if (!membership.HasSector)
        {
            // R7, R11: a guest's write of that life may be in the kernel. It would land on what is somebody else's by then.
            throw Refusal.Unavailable("this node waits for the writes of its former life; what that left active stays so until they have returned. Ask again.");
        }
        // Held: a creation on this node has its writes on their way.
        if (leftover is not { } slot)
        {
            return;
        }
        if (waiting.Contains(slot))
        {
            throw Refusal.Unavailable("the volume is served again as soon as the metadata are settled; ask again then.");
        }
        if (!maps.TryHold(slot))
        {
            return;
        }
        try
        {
            if (domain.Devices.MissingOfSlot(slot) is { } absent)
            {
                // R7: nothing proves that a former life's writes have returned from there.
                throw Refusal.Unavailable($"the volume lies on {absent}, which this host does not see: it stays marked active on the LUN until it is seen again, or this machine was rebooted.");
            }
            if (maps.IsMapped(slot))
            {
                throw Refusal.Conflict("the volume is mapped and open on this host, although this node did not activate it: end what has it open ('dmsetup info' counts), then deactivate it again.");
            }
            if ((await maps.ReadOwnAsync()).Active().Any(entry => entry.Slot == slot))
            {
                await maps.SetAsync(slot, ActivationMode.Inactive, membership.Generation);
            }
        }
        finally
        {
            maps.Release(slot);
        }
    }

    /// <summary>Loads the segments of an extend's answer (R12).</summary>
    public async Task<GrowOutcome?> GrowAsync(Guid volume, ExtendVolumeReply reply)
    {
        if (Find(volume) is not { } there)
        {
            return null;
        }
        if (reply.Segments.Any(segment => !domain.Devices.Seen.Contains(segment.PvUuid)))
        {
            // Added to the domain since this host last looked.
            await domain.ReadMetadataAsync();
        }
        var segments = reply.Segments.Select(segment => domain.Devices.Segment(reply.Volume, segment));
        try
        {
            return await there.Export.GrowAsync(new SegmentTable(segments, reply.Epoch, reply.Seqno));
        }
        catch (IOException failed)
        {
            throw Refusal.Unavailable($"volume {volume} has grown, but the kernel does not map it so: {failed.Message} Ask again.");
        }
    }

    async Task<ActiveVolume> ServeAsync(VolumeGroup group, VolumeInfo volume, int slot, bool readOnly, VolumeLease? lease = null)
    {
        var table = domain.Devices.Table(group, group.Find(volume.Name)!);
        var maximum = DomainView.MaximumBytes(volume, group.ExtentSizeBytes);
        // What a raw LV has beyond its disk was not zeroed yet: an extend was cut short.
        var size = volume.Slot is { Format: VolumeFormat.Raw } ? maximum : Math.Max(maximum, volume.AllocatedBytes);
        if (Mapped is { } mapped && group.Find(volume.Name) is { } lv && mapped.Wants(group, lv))
        {
            if (lease is not null)
            {
                throw Refusal.Conflict($"volume {volume.Name} is open on this host as a map, past which no lease is asked: end what has it open, then activate it again.");
            }
            var map = await mapped.OpenAsync(group, lv, table, size, readOnly, new TailOptions(holdLimit, growth(volume.Uuid), metrics, log), () => WrittenAsync(volume, table));
            return active[volume.Uuid] = new ActiveVolume(volume.Uuid, slot, readOnly, map, map);
        }
        var options = new VolumeExportOptions(volume.Name, size)
        {
            ReadOnly = readOnly,
            HoldLimit = holdLimit,
            Issue = lease is null ? null : lease.Issue,
        };
        var export = new VolumeExport(options, table, domain.Lun.SectorSize, growth(volume.Uuid), clock, metrics);
        var served = server.Serve(Path.Combine(socketDirectory, volume.Name + ".sock"), export);
        return active[volume.Uuid] = new ActiveVolume(volume.Uuid, slot, readOnly, export, served, lease);
    }

    static VolumeInfo Usable(DomainView view, VolumeInfo volume, bool readOnly)
    {
        if (!volume.IsUsable)
        {
            throw Refusal.Conflict($"volume {volume.Name} cannot be used: {string.Join("; ", volume.Problems.Select(p => p.Text))}.");
        }
        if (volume.Slot is { Format: VolumeFormat.Raw } && volume.Has(VolumeProblemKind.SizeMismatch))
        {
            // Its guest would read zeros where its data were. No step of ours leaves that behind: the LV grows first.
            throw Refusal.Conflict($"volume {volume.Name} cannot be used: {string.Join("; ", volume.Problems.Select(p => p.Text))}.");
        }
        if (!readOnly && volume.Slot!.Role == VolumeRole.Shared)
        {
            throw Refusal.Conflict($"volume {volume.Name} is a template, read-only for everybody. 'spm volume create --parent {volume.Name}' makes a disk of it.");
        }
        // Its children read through it: what is written to it now would appear in each of them.
        return !readOnly && ImageChain.ChildrenOf(volume.Uuid, view.Volumes) is [var child, ..]
            ? throw Refusal.Conflict($"volume {volume.Name} is the parent of {child.Name}, which would see every write; activate that one.")
            : volume;
    }
}
