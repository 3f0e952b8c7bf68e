using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Pool.Images;
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
    SpmTerm term, ActivationMaps maps, Func<ulong> generation, IVolumeImager imager, VolumeRemoval removal, ImageWork work, GrowthPolicy policy,
    IChoice choice, TimeProvider clock, string host)
{
    readonly HashSet<Guid> underWay = [];
    readonly Lock guard = new();

    public async Task<VolumeInfo> CreateAsync(CreateVolumeRequest request, RequestId? id = null)
    {
        (var origin, request) = ImageOrigin.Of(request, work);
        var wanted = WantedVolume.From(request, term.Domain.Uuid, term.Volumes.Group.ExtentSizeBytes, choice);
        if (origin is ImageOrigin.On { Parent: var below })
        {
            wanted = wanted with { Parent = below.Uuid, Sequence = below.Slot!.Sequence + 1 };
        }
        lock (guard)
        {
            if (!underWay.Add(wanted.Uuid))
            {
                throw Refusal.Conflict($"volume {wanted.Uuid} is being created right now; ask again in a moment.");
            }
        }
        try
        {
            var there = await AlreadyThereAsync(wanted) ?? await CreateAsync(wanted, origin, id);
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
        return there.Slot is { } slot && slot.Format == wanted.Format && slot.CapacityBytes == wanted.CapacityBytes && slot.Parent == wanted.Parent
            ? there
            : throw Refusal.Conflict($"there is another volume {wanted.Uuid}, with another size, format or parent. Choose another uuid.");
    }

    async Task<VolumeInfo> CreateAsync(WantedVolume wanted, ImageOrigin origin, RequestId? id)
    {
        await using var kept = await origin.KeepAsync(work);
        origin.Recheck(work);
        var slot = term.Volumes.ReserveSlot();
        var operation = term.Journal.Begin(OperationKind.Create, id, wanted.Uuid, 0, wanted.CapacityBytes);
        try
        {
            return await CreateAsync(wanted, origin, slot, operation);
        }
        finally
        {
            // What has not ended by now is the recovery's: this SPM's or the next one's.
            term.Journal.Leave(operation);
            // Also when tidying up failed: the slot would be lost to this term, and the domain has only so many.
            term.Volumes.ReleaseSlot(slot);
        }
    }

    async Task<VolumeInfo> CreateAsync(WantedVolume wanted, ImageOrigin origin, int slot, JournalRecord.Begun operation)
    {
        var finished = false;
        try
        {
            await using var hold = await SlotHold.TryTakeAsync(maps, slot, generation)
                ?? throw Refusal.Conflict($"slot {slot} is still in use on this node by a volume that is gone; ask again in a moment.");
            var group = await CommitLvAsync(wanted, slot, await BytesAsync(wanted, origin), operation);
            var segments = VolumeExtension.Segments(group, group.Find(wanted.Name)!);
            await FillAsync(wanted, origin, segments);
            Fenced(wanted);
            await ResourceFormat.InitialiseAsync(
                new FencedArea(term.Domain.Leases, term.Fence), SlotGeometry.LeaseOffsetBytes(slot), term.Domain.Geometry, term.Domain.Lockspace, wanted.Name);
            await new SlotStore(new FencedArea(term.Domain.Slots, term.Fence), term.Domain.Uuid).WriteAsync(slot, wanted.Uuid, wanted.Slot(term.Domain.Uuid, clock.GetUtcNow()));
            await term.Volumes.RefreshSlotAsync(slot);
            if (origin is ImageOrigin.On { Parent.Slot.Role: VolumeRole.Leaf } on)
            {
                // Before the child is one: whoever reads slots only, as oVirt does, never sees a leaf that has children.
                await work.WriteSlotAsync(on.Parent, below => below with { Role = VolumeRole.Internal });
            }
            await CommitTagsAsync(wanted, slot, operation);
            finished = true;
            return term.Volumes.Find(wanted.Uuid)!;
        }
        finally
        {
            if (!finished && term.Fence.MayWrite() && term.Volumes.Find(wanted.Uuid) is { Tags.Initializing: true } leftover)
            {
                await removal.RemoveLeftoverAsync(leftover);
                if (origin is ImageOrigin.On { Parent: var parent })
                {
                    await new ImageLabels(work).ChildLeftAsync(parent.Uuid);
                }
            }
        }
    }

    async Task<long> BytesAsync(WantedVolume wanted, ImageOrigin origin)
    {
        var extent = term.Volumes.Group.ExtentSizeBytes;
        if (wanted.Format == VolumeFormat.Raw)
        {
            return CowSizes.RawBytes(wanted.CapacityBytes, extent);
        }
        var initial = (policy with { ExtentBytes = extent }).Initial(wanted.CapacityBytes);
        return origin is ImageOrigin.CopyOf { Chain: var chain }
            ? Math.Max(initial, CowSizes.OptimalBytes(
                await imager.Content.MeasureAsync([.. chain.Select(work.Layer)], VolumeFormat.Cow, CancellationToken.None),
                wanted.CapacityBytes, isLeaf: true, policy.MinimumChunkBytes, extent))
            : initial;
    }

    async Task<VolumeGroup> CommitLvAsync(WantedVolume wanted, int slot, long bytes, JournalRecord.Begun operation)
    {
        var extent = term.Volumes.Group.ExtentSizeBytes;
        var tags = (VolumeTags.Created with { Slot = slot }).ToTags();
        var id = LvmUuid.FromRandomBytes(RandomIdentity.Bytes(choice, LvmUuid.Length));
        var result = await term.Worker.SubmitAsync(
            $"create {wanted.Name}", draft => draft.CreateLinear(wanted.Name, id, bytes / extent, tags, clock.GetUtcNow(), host), operation);
        return result is PoolResult.Done done ? done.Group : throw PoolRefusals.Of(result, $"volume {wanted.Name} was not created", term.Volumes.Group);
    }

    async Task FillAsync(WantedVolume wanted, ImageOrigin origin, IReadOnlyList<SegmentReply> segments)
    {
        switch (origin, wanted.Format)
        {
            case (ImageOrigin.On { Parent: var parent }, _):
                await imager.CreateCowAsync(wanted.Name, segments, wanted.CapacityBytes, term.Fence.MayWrite, new ParentName(parent.Name, parent.Slot!.Format));
                break;
            case (ImageOrigin.CopyOf { Chain: var chain }, var format):
                if (format == VolumeFormat.Cow)
                {
                    await imager.CreateCowAsync(wanted.Name, segments, wanted.CapacityBytes, term.Fence.MayWrite);
                }
                else
                {
                    // What lies behind the end of the source is copied by nobody.
                    await imager.ZeroAsync(VolumeExtension.Behind(segments, chain[0].Slot!.CapacityBytes), term.Fence.MayWrite);
                }
                var target = new ImageLayer(
                    wanted.Name, format, format == VolumeFormat.Raw ? wanted.CapacityBytes : segments.Sum(segment => segment.LengthBytes), segments);
                await imager.Content.CopyAsync([.. chain.Select(work.Layer)], target, term.Fence.MayWrite, new Progress<double>(), CancellationToken.None);
                break;
            case (_, VolumeFormat.Cow):
                await imager.CreateCowAsync(wanted.Name, segments, wanted.CapacityBytes, term.Fence.MayWrite);
                break;
            case (_, _) when !wanted.NoZero:
                await imager.ZeroAsync(segments, term.Fence.MayWrite);
                break;
        }
    }

    async Task CommitTagsAsync(WantedVolume wanted, int slot, JournalRecord.Begun operation)
    {
        var before = (VolumeTags.Created with { Slot = slot }).ToTags();
        var after = VolumeTags.Finished(wanted.Image, wanted.Parent, slot).ToTags();
        var result = await term.Worker.SubmitAsync(
            $"finish {wanted.Name}", draft => draft.ReplaceTags(wanted.Name, before, after),
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
