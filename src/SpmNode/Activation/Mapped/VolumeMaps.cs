using OvirtSpm.LvmMetadata.Mapping;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Activation.Mapped.Tail;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Activation.Mapped;

/// <summary>The kernel's maps of a domain's volumes on this machine.</summary>
/// <param name="mapsNew">What is activated from now on is mapped; else only what is found mapped and open stays so.</param>
sealed class VolumeMaps(IDeviceMapper mapper, bool mapsNew, TimeProvider clock)
{
    public bool MapsNew => mapsNew;

    /// <summary>Writes behind the end of what is activated from now on wait for space; else they fail, and the guest pauses.</summary>
    public bool HoldsNew { get; init; }

    /// <summary>Is it to be mapped, or does a guest of a former life of this node have it open as a map?</summary>
    public bool Wants(VolumeGroup group, LogicalVolume volume) =>
        mapsNew || !TailStack.TryRemove(mapper, MapIdentity.Of(group, volume)) || Find(group, volume) is { OpenCount: > 0 };

    /// <summary>As <see cref="Open"/>, on a thread that udev, or a device that does not answer, may keep waiting.</summary>
    /// <param name="writtenBytes">Behind as many bytes nothing of the volume is in use. Asked only while nobody has it open.</param>
    public Task<IMappedVolume> OpenAsync(
        VolumeGroup group, LogicalVolume volume, SegmentTable table, long maximumBytes, bool readOnly, TailOptions tail, Func<ValueTask<long>> writtenBytes) => Task.Run(async () =>
    {
        var identity = MapIdentity.Of(group, volume);
        try
        {
            // One that nobody has open is made again.
            var isOpen = !TailStack.TryRemove(mapper, identity);
            // Whoever has the volume's own map open goes on with that.
            var holds = HoldsNew && mapsNew && !readOnly && (isOpen || table.AllocatedBytes < maximumBytes && mapper.Find(identity.Uuid) is not { OpenCount: > 0 });
            var own = Open(identity, table, maximumBytes, readOnly);
            if (!isOpen && !holds)
            {
                return own;
            }
            var stack = isOpen
                ? TailStack.Restore(mapper, identity, table.AllocatedBytes, maximumBytes, holds ? group.ExtentSizeBytes : null)
                    ?? throw Refusal.Conflict($"volume {volume.Name} is not activated: what is mapped above it is not as this node makes it. End what uses it, then 'dmsetup remove' the maps above it.")
                : TailStack.Make(mapper, identity, table.AllocatedBytes, await writtenBytes(), maximumBytes, group.ExtentSizeBytes);
            var guest = mapper.Find(TailLayers.GuestOf(identity).Uuid) ?? throw new IOException("it was removed at once");
            return (IMappedVolume)new TailedVolume(mapper, own, stack, mapper.MakeNode(guest), tail, clock);
        }
        catch (IOException failed)
        {
            throw Refusal.Unavailable($"volume {volume.Name} is not mapped: {failed.Message}");
        }
    });

    /// <summary>Behind its entry on the LUN (R10): makes the map, mends one, or takes over one that is right.</summary>
    /// <exception cref="Refusal">It is open as something else, or the kernel refused.</exception>
    MappedVolume Open(MapIdentity identity, SegmentTable table, long maximumBytes, bool readOnly)
    {
        var wanted = MapTable.Of(table);
        var plan = MapPlan.For(mapper.Find(identity.Uuid), identity.Name, wanted, readOnly);
        if (plan is MapPlan.Refuse refuse)
        {
            throw Refusal.Conflict($"volume {identity.Volume} is not activated: {refuse.Why}.");
        }
        if (plan is MapPlan.Make)
        {
            mapper.Create(identity.Name, identity.Uuid);
        }
        if (plan is not MapPlan.Keep)
        {
            mapper.Load(identity.Uuid, wanted, readOnly);
            mapper.Resume(identity.Uuid);
        }
        var path = mapper.MakeNodes(mapper.Find(identity.Uuid) ?? throw new IOException("it was removed at once"), identity.Group, identity.Volume);
        return new MappedVolume(mapper, identity, path, table, maximumBytes, readOnly, clock);
    }

    /// <summary>Whatever is left of a map that no activation of this node stands behind goes; LVM's own stay where nothing is mapped by us.</summary>
    /// <returns>False: somebody has it open.</returns>
    public bool TryRelease(VolumeGroup group, LogicalVolume volume)
    {
        var identity = MapIdentity.Of(group, volume);
        if (!TailStack.TryRemove(mapper, identity))
        {
            // R17, R31: no activation of this node lets go on what waits there.
            TailStack.FailAll(mapper, identity.Uuid);
            return false;
        }
        if (!mapsNew)
        {
            return Find(group, volume) is not { OpenCount: > 0 };
        }
        if (!mapper.Remove(identity.Uuid))
        {
            return false;
        }
        mapper.RemoveNodes(identity.Name, identity.Group, identity.Volume);
        return true;
    }

    /// <summary>R17, R31: no activation of this node lets go on what waits behind the volume's end.</summary>
    public void FailWaiting(VolumeGroup group, LogicalVolume volume) => TailStack.FailAll(mapper, MapIdentity.Of(group, volume).Uuid);

    /// <summary>A former life of this node may have left writes that wait.</summary>
    public bool HasHolds(LvmUuid group) =>
        mapper.List().Any(uuid => TailLayers.IsHold(uuid) && uuid.StartsWith(LvmDeviceName.UuidsOf(group), StringComparison.Ordinal));

    /// <summary>R11: of a slot that nobody here holds: is its volume open as a map? One that is not goes.</summary>
    public bool StillMaps(VolumeGroup group, int slot) =>
        group.LogicalVolumes.Any(volume => VolumeTags.Parse(volume.Tags, out _).Slot == slot && !TryRelease(group, volume));

    /// <summary>Maps of the domain that no entry of this machine covers: a host that was confirmed dead, a volume that is gone, or lvchange.</summary>
    /// <param name="isCovered">Volumes with an entry on the LUN.</param>
    /// <param name="tableOf">Where a volume lies; null when this host does not see that.</param>
    /// <returns>What was found, for people.</returns>
    public IReadOnlyList<string> Sweep(VolumeGroup group, Func<LogicalVolume, bool> isCovered, Func<LogicalVolume, SegmentTable?> tableOf)
    {
        var notes = new List<string>();
        foreach (var uuid in mapper.List())
        {
            if (!LvmDeviceName.TryParse(uuid, group.Uuid, out var found))
            {
                continue;
            }
            var volume = group.LogicalVolumes.FirstOrDefault(lv => lv.Uuid == found);
            if (volume is not null && (SpecialVolumes.IsSpecial(volume.Name) || isCovered(volume)) || mapper.Find(uuid) is not { } map)
            {
                continue;
            }
            // R17: no activation of this node stands behind it who could let what waits go on.
            TailStack.FailAll(mapper, uuid);
            if (TailStack.TryRemove(mapper, new MapIdentity(uuid, map.Name, group.Name, volume?.Name ?? "")) && mapper.Remove(uuid))
            {
                notes.Add($"map {map.Name} removed: nothing on the LUN says that it is used here");
            }
            else if (volume is not null && tableOf(volume) is { } table && MapTable.IsPrefix(map.Live, MapTable.Of(table)))
            {
                notes.Add($"volume {volume.Name} is mapped and open here, but not marked active on the LUN: other hosts do not know of it. End what uses it");
            }
            else
            {
                // R11: whoever has it open writes into extents that are not this volume's any more.
                MappedVolume.CutOff(mapper, uuid);
                TailStack.CutOff(mapper, uuid);
                notes.Add($"map {map.Name} was open and lies on extents that are not its volume's any more: every request to it fails from now on");
            }
        }
        return notes;
    }

    MapState? Find(VolumeGroup group, LogicalVolume volume) => mapper.Find(LvmDeviceName.UuidOf(group.Uuid, volume.Uuid));
}
