using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool;

/// <summary>Creates a volume: LV marked INITIALIZING → image → volume lease → slot → final tags.</summary>
/// <remarks>
/// A crash anywhere leaves an LV tagged INITIALIZING, an open operation in the journal and nothing else that counts: the next SPM takes it back.
/// The LV carries its slot's tag from the start: the slot is then taken for every later SPM, and this host's activation-map entry
/// for it keeps a successor from giving the extents away while a write of ours may still be on its way (R13).
/// </remarks>
sealed class VolumeCreation(
    SpmTerm term, ActivationMaps maps, Func<ulong> generation, IVolumeImager imager, VolumeRemoval removal, GrowthPolicy policy, IChoice choice, TimeProvider clock, string host)
{
    readonly HashSet<Guid> underWay = [];
    readonly Lock guard = new();

    public async Task<VolumeInfo> CreateAsync(CreateVolumeRequest request, RequestId? id = null)
    {
        var wanted = WantedVolume.From(request, term.Domain.Uuid, term.Volumes.Group.ExtentSizeBytes, choice);
        lock (guard)
        {
            if (!underWay.Add(wanted.Uuid))
            {
                throw Refusal.Conflict($"volume {wanted.Uuid} is being created right now; ask again in a moment.");
            }
        }
        try
        {
            var there = await AlreadyThereAsync(wanted) ?? await CreateAsync(wanted, id);
            Fenced(wanted); // R1: what is said rests on a term that still lasts
            return there;
        }
        finally
        {
            lock (guard)
            {
                underWay.Remove(wanted.Uuid);
            }
        }
    }

    async Task<VolumeInfo?> AlreadyThereAsync(WantedVolume wanted)
    {
        if (term.Volumes.Find(wanted.Uuid) is not { } there)
        {
            return null;
        }
        if (there.Tags.Initializing)
        {
            await removal.RemoveLeftoverAsync(there);
            return null;
        }
        if (there.Tags.Removal != RemovalMark.None)
        {
            // "It is there already" would be the acknowledgement of a volume that is gone a moment later.
            throw Refusal.Conflict($"volume {wanted.Uuid} is there and is being deleted; ask again when it is gone.");
        }
        return there.Slot is { } slot && slot.Format == wanted.Format && slot.CapacityBytes == wanted.CapacityBytes
            ? there
            : throw Refusal.Conflict($"there is another volume {wanted.Uuid}, with another size or format. Choose another uuid.");
    }

    async Task<VolumeInfo> CreateAsync(WantedVolume wanted, RequestId? id)
    {
        var slot = term.Volumes.ReserveSlot();
        var operation = term.Journal.Begin(OperationKind.Create, id, wanted.Uuid, 0, wanted.CapacityBytes);
        try
        {
            return await CreateAsync(wanted, slot, operation);
        }
        finally
        {
            // What has not ended by now is the recovery's: this SPM's or the next one's.
            term.Journal.Leave(operation);
            // Also when tidying up failed: the slot would be lost to this term, and the domain has only so many.
            term.Volumes.ReleaseSlot(slot);
        }
    }

    async Task<VolumeInfo> CreateAsync(WantedVolume wanted, int slot, JournalRecord.Begun operation)
    {
        var finished = false;
        try
        {
            await using var hold = await SlotHold.TryTakeAsync(maps, slot, generation)
                ?? throw Refusal.Conflict($"slot {slot} is still in use on this node by a volume that is gone; ask again in a moment.");
            var group = await CommitLvAsync(wanted, slot, operation);
            var segments = VolumeExtension.Segments(group, group.Find(wanted.Name)!);
            await FillAsync(wanted, segments);
            Fenced(wanted);
            await ResourceFormat.InitialiseAsync(
                new FencedArea(term.Domain.Leases, term.Fence), SlotGeometry.LeaseOffsetBytes(slot), term.Domain.Geometry, term.Domain.Lockspace, wanted.Name);
            await new SlotStore(new FencedArea(term.Domain.Slots, term.Fence), term.Domain.Uuid).WriteAsync(slot, wanted.Uuid, wanted.Slot(term.Domain.Uuid, clock.GetUtcNow()));
            await term.Volumes.RefreshSlotAsync(slot);
            await CommitTagsAsync(wanted, slot, operation);
            finished = true;
            return term.Volumes.Find(wanted.Uuid)!;
        }
        finally
        {
            if (!finished && term.Fence.MayWrite() && term.Volumes.Find(wanted.Uuid) is { Tags.Initializing: true } leftover)
            {
                await removal.RemoveLeftoverAsync(leftover);
            }
        }
    }

    async Task<VolumeGroup> CommitLvAsync(WantedVolume wanted, int slot, JournalRecord.Begun operation)
    {
        var extent = term.Volumes.Group.ExtentSizeBytes;
        var bytes = wanted.Format == VolumeFormat.Cow
            ? (policy with { ExtentBytes = extent }).Initial(wanted.CapacityBytes)
            : CowSizes.RawBytes(wanted.CapacityBytes, extent);
        var tags = (VolumeTags.Created with { Slot = slot }).ToTags();
        var id = LvmUuid.FromRandomBytes(RandomIdentity.Bytes(choice, LvmUuid.Length));
        var result = await term.Worker.SubmitAsync(
            $"create {wanted.Name}", draft => draft.CreateLinear(wanted.Name, id, bytes / extent, tags, clock.GetUtcNow(), host), operation);
        return result is PoolResult.Done done ? done.Group : throw PoolRefusals.Of(result, $"volume {wanted.Name} was not created", term.Volumes.Group);
    }

    Task FillAsync(WantedVolume wanted, IReadOnlyList<SegmentReply> segments) => wanted switch
    {
        { Format: VolumeFormat.Cow } => imager.CreateCowAsync(wanted.Name, segments, wanted.CapacityBytes, term.Fence.MayWrite),
        { NoZero: true } => Task.CompletedTask,
        _ => imager.ZeroAsync(segments, term.Fence.MayWrite),
    };

    async Task CommitTagsAsync(WantedVolume wanted, int slot, JournalRecord.Begun operation)
    {
        var before = (VolumeTags.Created with { Slot = slot }).ToTags();
        var after = VolumeTags.Finished(wanted.Image, Guid.Empty, slot).ToTags();
        var result = await term.Worker.SubmitAsync(
            $"finish {wanted.Name}", draft => draft.ChangeTags(wanted.Name, before.Except(after), after.Except(before)),
            new JournalRecord.Ended(operation.Operation, OperationOutcome.Done));
        if (result is not PoolResult.Done)
        {
            throw PoolRefusals.Of(result, $"the creation of volume {wanted.Name} did not end", term.Volumes.Group);
        }
    }

    /// <summary>R13: between commits the fence is asked before every write to the special volumes, too.</summary>
    void Fenced(WantedVolume wanted)
    {
        if (!term.Fence.MayWrite())
        {
            throw Refusal.NotLeader($"volume {wanted.Name} was not created: {term.Fence.ClosedBecause ?? "the deadline passed"}. What is left of it is marked as such; ask again.");
        }
    }
}
