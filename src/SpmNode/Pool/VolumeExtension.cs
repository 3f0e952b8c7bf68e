using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Mapping;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool;

/// <summary>Makes a volume larger: one request among others in the next commit.</summary>
/// <param name="writerOf">Names a host that has the volume active for writing, other than the given one.</param>
sealed class VolumeExtension(
    SpmTerm term, ActivationMaps maps, Func<ulong> generation, IVolumeImager imager, Func<VolumeInfo, int, Task<string?>> writerOf)
{
    const int Nobody = 0;

    readonly SemaphoreSlim raws = new(1);

    /// <param name="id">R24: who asks; null when the caller counts none, or was answered before.</param>
    public async Task<ExtendVolumeReply> ExtendAsync(string reference, ExtendVolumeRequest request, RequestId? id = null)
    {
        if (request.Epoch > term.Fence.Epoch)
        {
            // The asking host has seen a newer SPM than this one: whatever this one commits must not reach a guest.
            throw Refusal.NotLeader($"host {request.HostId} has seen epoch {request.Epoch}, this SPM is of epoch {term.Fence.Epoch}: ask the newer one.");
        }
        var volume = term.Volumes.Find(reference);
        var extent = term.Volumes.Group.ExtentSizeBytes;
        var slot = Check(volume, request.SizeBytes, extent);
        if (slot.Format == VolumeFormat.Raw)
        {
            return await ExtendRawAsync(volume.Uuid, request.SizeBytes, extent, id);
        }
        if (request.HostId is null && await writerOf(volume, Nobody) is { } writer)
        {
            throw Refusal.Conflict($"volume {volume.Name} is active for writing on {writer}; ask that node, which then also gives the space to its guest.");
        }
        // Extents that its host cannot reach would hold up its guest; others of the pool may see more.
        Func<PhysicalVolume, bool>? reached = request.Devices is { } seen ? pv => seen.Contains(pv.Uuid.ToString()) : null;
        return await CommitAsync(
            volume, CowSizes.RoundUp(request.SizeBytes, extent) / extent, DomainView.MaximumBytes(volume, extent),
            request.HostId is null || request.ByPerson ? SpaceUse.Person : SpaceUse.Guest, Answer(volume, id), reached);
    }

    /// <summary>What can be said before anything is taken or written.</summary>
    /// <returns>The volume's slot.</returns>
    public static VolumeSlot Check(VolumeInfo volume, long size, long extent)
    {
        if (size <= 0)
        {
            throw Refusal.Invalid($"a size of {size} bytes makes no sense; give the size the volume shall have at least.");
        }
        if (!volume.IsUsable || volume.Slot is not { } slot)
        {
            throw Refusal.Conflict($"volume {volume.Name} is not extended: {string.Join("; ", volume.Problems.Select(p => p.Text))}.");
        }
        if (slot.Format == VolumeFormat.Raw && volume.Has(VolumeProblemKind.SizeMismatch))
        {
            // Up to its capacity it counts as written: extents given to it there would show what somebody else left in them.
            throw Refusal.Conflict($"volume {volume.Name} is not extended: {string.Join("; ", volume.Problems.Select(p => p.Text))}.");
        }
        if (slot.Format == VolumeFormat.Cow && DomainView.MaximumBytes(volume, extent) is var maximum && size > maximum)
        {
            throw Refusal.Invalid(
                $"volume {volume.Name} can use at most {SizeText.Format(maximum)} (its virtual size and a tenth for qcow2's tables), not {SizeText.Format(size)}. Ask for less.");
        }
        if (slot.Format == VolumeFormat.Raw && CowSizes.RawBytes(size, extent) > Volumes.Domain.DomainLimits.LargestDiskBytes)
        {
            throw Refusal.Invalid($"{SizeText.Format(size)} is more than the {SizeText.Format(Volumes.Domain.DomainLimits.LargestDiskBytes)} a disk may have.");
        }
        return slot;
    }

    /// <summary>The LV, zeros, then the capacity: a crash in between leaves an LV larger than the disk, and asking again zeroes it anew.</summary>
    /// <remarks>One at a time and never down: of two extends at once the smaller one may come here last.</remarks>
    async Task<ExtendVolumeReply> ExtendRawAsync(Guid uuid, long size, long extent, RequestId? id)
    {
        await raws.WaitAsync();
        try
        {
            var volume = term.Volumes.Find($"{uuid}");
            var (before, after) = (CowSizes.RawBytes(Check(volume, size, extent).CapacityBytes, extent), CowSizes.RawBytes(size, extent));
            return after <= before
                ? await CommitAsync(volume, after / extent, before, SpaceUse.Person, [])
                : await ExtendHeldAsync(volume, after, extent, id, null);
        }
        finally
        {
            raws.Release();
        }
    }

    /// <summary>An extend that a former SPM began, or this one gave up: goes on from what the slot says.</summary>
    public async Task ResumeRawAsync(VolumeInfo volume, JournalRecord.Begun operation)
    {
        await raws.WaitAsync();
        try
        {
            await ExtendHeldAsync(volume, operation.ToBytes, term.Volumes.Group.ExtentSizeBytes, null, operation);
        }
        finally
        {
            raws.Release();
        }
    }

    /// <param name="resumed">Null for a new operation.</param>
    async Task<ExtendVolumeReply> ExtendHeldAsync(VolumeInfo volume, long after, long extent, RequestId? id, JournalRecord.Begun? resumed)
    {
        var number = volume.Tags.Slot!.Value;
        await using var hold = await SlotHold.TryTakeAsync(maps, number, generation)
            ?? throw Refusal.Conflict($"raw volume {volume.Name} is in use on the SPM's host; deactivate it first, since new extents are zeroed before a guest sees them.");
        // R10: after our own entry, so that of an activation at the same time and this one at most one goes on.
        if (await writerOf(volume, maps.HostId) is { } writer)
        {
            throw Refusal.Conflict($"raw volume {volume.Name} is active for writing on {writer}; deactivate it first, since new extents are zeroed before a guest sees them.");
        }
        // Read again under our entry: nobody activates or removes it now without seeing us. Memory may be older than the LUN, and what a
        // guest has written since must not be zeroed.
        await term.Volumes.RefreshSlotAsync(number);
        volume = term.Volumes.Find($"{volume.Uuid}");
        var slot = Check(volume, after, extent);
        if (volume.Tags.Slot != number)
        {
            throw Refusal.Conflict($"volume {volume.Name} was made anew meanwhile; ask again.");
        }
        var before = CowSizes.RawBytes(slot.CapacityBytes, extent);
        if (after <= before)
        {
            EndLater(resumed, OperationOutcome.Done);
            return await CommitAsync(volume, after / extent, before, SpaceUse.Person, []);
        }
        using var promised = resumed is null ? term.Space.Promise(volume.Uuid, after, Guid.Empty, $"volume {volume.Name} was not extended") : null;
        var operation = resumed ?? term.Journal.Begin(OperationKind.ExtendRaw, id, volume.Uuid, before, after);
        try
        {
            return await ZeroAndShowAsync(volume, number, before, after, extent, operation, isNew: resumed is null);
        }
        finally
        {
            if (resumed is null)
            {
                term.Journal.Leave(operation);
            }
        }
    }

    async Task<ExtendVolumeReply> ZeroAndShowAsync(
        VolumeInfo volume, int number, long before, long after, long extent, JournalRecord.Begun operation, bool isNew)
    {
        var reply = await CommitAsync(volume, after / extent, after, isNew ? SpaceUse.Person : SpaceUse.Guest, isNew ? [operation] : []);
        try
        {
            await imager.ZeroAsync(Behind(reply.Segments, before), term.Fence.MayWrite);
        }
        catch (Exception failed) when (failed is Refusal or IOException && term.Fence.MayWrite())
        {
            // R24: the caller is told that it did not happen, so it must not happen later. The extents stay, behind the capacity.
            EndLater(operation, OperationOutcome.Undone);
            throw;
        }
        catch (Refusal failed) when (failed.Code == RefusalCode.NotLeader)
        {
            // R24: bytes were issued; the next SPM goes on.
            throw Refusal.Unknown($"volume {volume.Name} has its new extents, but this host stopped being SPM while they were zeroed. The next SPM finishes it: ask again, it is harmless.");
        }
        // R13: between commits the fence is asked before every write to the special volumes, too.
        // What was written there meanwhile, another name for one, stays.
        await term.Volumes.ChangeSlotAsync(
            number, volume.Uuid, new FencedArea(term.Domain.Slots, term.Fence), now => now with { CapacityBytes = Math.Max(now.CapacityBytes, after) });
        EndLater(operation, OperationOutcome.Done);
        return term.Fence.MayWrite()
            ? reply
            // R1: read after the last write returned.
            : throw Refusal.Unknown($"volume {volume.Name} has its new extents, but the deadline passed while its capacity was written. Ask again, it is harmless.");
    }

    void EndLater(JournalRecord.Begun? operation, OperationOutcome outcome)
    {
        if (operation is not null)
        {
            term.Journal.Later(new JournalRecord.Ended(operation.Operation, outcome));
        }
    }

    static IEnumerable<JournalRecord> Answer(VolumeInfo volume, RequestId? id) =>
        id is { } known ? [new JournalRecord.Answered(known, OperationKind.Extend, volume.Uuid, OperationOutcome.Done)] : [];

    /// <summary>What of the segments lies behind the first bytes of the volume.</summary>
    public static List<SegmentReply> Behind(IReadOnlyList<SegmentReply> segments, long bytes)
    {
        var behind = new List<SegmentReply>();
        foreach (var segment in segments)
        {
            var skipped = Math.Min(bytes, segment.LengthBytes);
            bytes -= skipped;
            if (skipped < segment.LengthBytes)
            {
                behind.Add(segment with { PvOffsetBytes = segment.PvOffsetBytes + skipped, LengthBytes = segment.LengthBytes - skipped });
            }
        }
        return behind;
    }

    async Task<ExtendVolumeReply> CommitAsync(
        VolumeInfo volume, long extents, long maximum, SpaceUse use, IEnumerable<JournalRecord> records, Func<PhysicalVolume, bool>? reached = null)
    {
        var result = await term.Worker.SubmitAsync(
            $"extend {volume.Name}", draft => SpaceRules.Refuse(draft, volume.Name, extents, use) ?? draft.Extend(volume.Name, extents, reached), records);
        return result switch
        {
            PoolResult.Done done => Reply(volume.Name, done, maximum),
            _ => throw PoolRefusals.Of(result, $"volume {volume.Name} was not extended", term.Volumes.Group),
        };
    }

    static ExtendVolumeReply Reply(string name, PoolResult.Done done, long maximum)
    {
        var lv = done.Group.Find(name) ?? throw Refusal.NotFound($"volume {name} was deleted meanwhile.");
        return new ExtendVolumeReply(name, lv.SizeBytes, maximum, done.Epoch, done.Group.Seqno, Segments(done.Group, lv));
    }

    public static IReadOnlyList<SegmentReply> Segments(VolumeGroup group, LogicalVolume lv) =>
    [
        .. VolumeMapping.Map(group, lv).Select(range =>
            new SegmentReply(group.PhysicalVolumes[range.PvIndex].Uuid.ToString(), range.PvOffsetBytes, range.LengthBytes)),
    ];
}
