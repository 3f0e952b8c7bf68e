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
    /// <summary>The largest sector of a device: the end of a disk from outside need not be on one.</summary>
    const long ZeroUnit = 4096;

    readonly HashSet<Guid> underWay = [];
    readonly Lock guard = new();

    /// <param name="outside">What it is filled from, if that comes from outside the pool.</param>
    /// <param name="stop">Takes it back, as long as it is not filled.</param>
    public async Task<VolumeInfo> CreateAsync(
        CreateVolumeRequest request, RequestId? id = null, ImageOrigin? outside = null, IProgress<double>? progress = null, CancellationToken stop = default)
    {
        (var origin, request) = outside is null ? ImageOrigin.Of(request, work) : (outside, ImageOrigin.Filled(request, outside));
        var wanted = WantedVolume.From(request, term.Domain.Uuid, term.Volumes.Group.ExtentSizeBytes, choice);
        if (origin is ImageOrigin.On { Parent: var below })
        {
            wanted = wanted with { Parent = below.Uuid, Sequence = below.Slot!.Sequence + 1 };
        }
        return await AloneAsync(wanted, async () =>
            await AlreadyThereAsync(wanted, isCopy: outside is null) ?? await CreateAsync(wanted, origin, id, new Filling(progress ?? new Progress<double>(), stop)));
    }

    /// <summary>A volume of another domain, as it is there.</summary>
    public Task<VolumeInfo> ReceiveAsync(ImageOrigin.Arrival arrival, CancellationToken stop)
    {
        var slot = arrival.Volume.Slot;
        var wanted = new WantedVolume(arrival.Volume.Uuid, slot.Image, slot.Format, slot.CapacityBytes, null, NoZero: true) { Parent = slot.Parent };
        return AloneAsync(wanted, () => term.Volumes.Find(wanted.Uuid) is null
            ? CreateAsync(wanted, arrival, null, new Filling(new Progress<double>(), stop))
            : throw Refusal.Conflict($"there is a volume {wanted.Uuid} in this domain already; it is left alone."));
    }

    async Task<VolumeInfo> AloneAsync(WantedVolume wanted, Func<Task<VolumeInfo>> create)
    {
        lock (guard)
        {
            if (!underWay.Add(wanted.Uuid))
            {
                throw Refusal.Conflict($"volume {wanted.Uuid} is being created right now; ask again in a moment.");
            }
        }
        try
        {
            var there = await create();
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

    /// <param name="isCopy">What it would begin with is known from the request; otherwise nobody knows whether it is what is there.</param>
    async Task<VolumeInfo?> AlreadyThereAsync(WantedVolume wanted, bool isCopy)
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
        if (!isCopy)
        {
            throw Refusal.Conflict($"volume {wanted.Uuid} is there already, whole; what it holds is not compared. Delete it first, or choose another uuid.");
        }
        return there.Slot is { } slot && slot.Format == wanted.Format && slot.CapacityBytes == wanted.CapacityBytes && slot.Parent == wanted.Parent
            ? there
            : throw Refusal.Conflict($"there is another volume {wanted.Uuid}, with another size, format or parent. Choose another uuid.");
    }

    async Task<VolumeInfo> CreateAsync(WantedVolume wanted, ImageOrigin origin, RequestId? id, Filling filling)
    {
        await using var kept = await origin.KeepAsync(work);
        origin.Recheck(work);
        using var promised = term.Space.Promise(
            wanted.Uuid, wanted.MaximumBytes(term.Volumes.Group.ExtentSizeBytes), wanted.Parent, $"volume {wanted.Name} was not created");
        var slot = term.Volumes.ReserveSlot();
        var operation = term.Journal.Begin(OperationKind.Create, id, wanted.Uuid, 0, wanted.CapacityBytes);
        try
        {
            return await CreateAsync(wanted, origin, slot, operation, filling);
        }
        finally
        {
            // What has not ended by now is the recovery's: this SPM's or the next one's.
            term.Journal.Leave(operation);
            // Also when tidying up failed: the slot would be lost to this term, and the domain has only so many.
            term.Volumes.ReleaseSlot(slot);
        }
    }

    async Task<VolumeInfo> CreateAsync(WantedVolume wanted, ImageOrigin origin, int slot, JournalRecord.Begun operation, Filling filling)
    {
        var finished = false;
        try
        {
            await using var hold = await SlotHold.TryTakeAsync(maps, slot, generation)
                ?? throw Refusal.Conflict($"slot {slot} is still in use on this node by a volume that is gone; ask again in a moment.");
            var group = await CommitLvAsync(wanted, slot, await BytesAsync(wanted, origin, filling.Stop), operation);
            var segments = VolumeExtension.Segments(group, group.Find(wanted.Name)!);
            await FillAsync(wanted, origin, segments, filling);
            filling.Stop.ThrowIfCancellationRequested();
            Fenced(wanted);
            await ResourceFormat.InitialiseAsync(
                new FencedArea(term.Domain.Leases, term.Fence), SlotGeometry.LeaseOffsetBytes(slot), term.Domain.Geometry, term.Domain.Lockspace, wanted.Name);
            await new SlotStore(new FencedArea(term.Domain.Slots, term.Fence), term.Domain.Uuid).WriteAsync(slot, wanted.Uuid, SlotOf(wanted, origin));
            await term.Volumes.RefreshSlotAsync(slot);
            if (origin is ImageOrigin.On { Parent.Slot.Role: VolumeRole.Leaf } on)
            {
                // Before the child is one: whoever reads slots only, as oVirt does, never sees a leaf that has children.
                await work.WriteSlotAsync(on.Parent, below => below with { Role = VolumeRole.Internal });
            }
            await CommitTagsAsync(wanted, (origin as ImageOrigin.Arrival)?.From, slot, operation);
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

    /// <summary>What arrives keeps all that is said of it; ILLEGAL is how oVirt says that it is not to be used yet.</summary>
    VolumeSlot SlotOf(WantedVolume wanted, ImageOrigin origin) => origin is ImageOrigin.Arrival { Volume.Slot: var there }
        ? there with { Domain = term.Domain.Uuid, Legality = VolumeLegality.Illegal }
        : wanted.Slot(term.Domain.Uuid, clock.GetUtcNow());

    async Task<long> BytesAsync(WantedVolume wanted, ImageOrigin origin, CancellationToken stop)
    {
        var extent = term.Volumes.Group.ExtentSizeBytes;
        if (origin is ImageOrigin.Arrival arrival)
        {
            return arrival.Volume.AllocatedBytes;
        }
        if (wanted.Format == VolumeFormat.Raw)
        {
            return CowSizes.RawBytes(wanted.CapacityBytes, extent);
        }
        var initial = (policy with { ExtentBytes = extent }).Initial(wanted.CapacityBytes);
        return origin switch
        {
            ImageOrigin.CopyOf { Chain: var chain } => Roomy(await imager.Content.MeasureAsync([.. chain.Select(work.Layer)], VolumeFormat.Cow, stop)),
            ImageOrigin.FileOf { Source: var file } => Roomy(await imager.Transfer.MeasureAsync(file, VolumeFormat.Cow, stop)),
            _ => initial,
        };

        long Roomy(long content) => Math.Max(initial, CowSizes.OptimalBytes(content, wanted.CapacityBytes, isLeaf: true, policy.MinimumChunkBytes, extent));
    }

    async Task<VolumeGroup> CommitLvAsync(WantedVolume wanted, int slot, long bytes, JournalRecord.Begun operation)
    {
        var extent = term.Volumes.Group.ExtentSizeBytes;
        var tags = (VolumeTags.Created with { Slot = slot }).ToTags();
        var id = LvmUuid.FromRandomBytes(RandomIdentity.Bytes(choice, LvmUuid.Length));
        var result = await term.Worker.SubmitAsync(
            $"create {wanted.Name}", draft => SpaceRules.Refuse(draft, wanted.Name, bytes / extent, SpaceUse.Creation)
                ?? draft.CreateLinear(wanted.Name, id, bytes / extent, tags, clock.GetUtcNow(), host), operation);
        return result is PoolResult.Done done ? done.Group : throw PoolRefusals.Of(result, $"volume {wanted.Name} was not created", term.Volumes.Group);
    }

    async Task FillAsync(WantedVolume wanted, ImageOrigin origin, IReadOnlyList<SegmentReply> segments, Filling filling)
    {
        switch (origin, wanted.Format)
        {
            case (ImageOrigin.On { Parent: var parent }, _):
                await imager.CreateCowAsync(wanted.Name, segments, wanted.CapacityBytes, term.Fence.MayWrite, new ParentName(parent.Name, parent.Slot!.Format));
                break;
            case (ImageOrigin.CopyOf { Chain: var chain }, _):
                var copy = await TargetAsync(wanted, segments, chain[0].Slot!.CapacityBytes);
                await imager.Content.CopyAsync([.. chain.Select(work.Layer)], copy, term.Fence.MayWrite, filling.Progress, filling.Stop);
                break;
            case (ImageOrigin.FileOf { Source: var file }, _):
                var target = await TargetAsync(wanted, segments, file.VirtualSizeBytes);
                await imager.Transfer.ImportAsync(file, target, term.Fence.MayWrite, filling.Progress, filling.Stop);
                break;
            case (ImageOrigin.Sent { Upload: var upload }, var format):
                var empty = await TargetAsync(wanted, segments, upload.SizeBytes);
                GrowLayer? grow = format == VolumeFormat.Cow ? bytes => GrowAsync(wanted, bytes) : null;
                empty = grow is null ? empty : empty with { SizeBytes = CowSizes.MaximumBytes(wanted.CapacityBytes, term.Volumes.Group.ExtentSizeBytes) };
                await using (var disk = await imager.Transfer.OpenAsync(empty, grow, term.Fence.MayWrite, filling.Stop))
                {
                    await upload.RunAsync(disk, term.Fence.MayWrite, filling.Progress, filling.Stop);
                }
                break;
            case (ImageOrigin.Arrival arrival, _):
                await arrival.Fill(segments, filling.Stop);
                break;
            case (_, VolumeFormat.Cow):
                await imager.CreateCowAsync(wanted.Name, segments, wanted.CapacityBytes, term.Fence.MayWrite);
                break;
            case (_, _) when !wanted.NoZero:
                await imager.ZeroAsync(segments, term.Fence.MayWrite);
                break;
        }
    }

    /// <summary>Ready to be written from its start.</summary>
    /// <param name="comingBytes">What lies behind is copied by nobody, and has to read as zeros.</param>
    async Task<ImageLayer> TargetAsync(WantedVolume wanted, IReadOnlyList<SegmentReply> segments, long comingBytes)
    {
        if (wanted.Format == VolumeFormat.Cow)
        {
            await imager.CreateCowAsync(wanted.Name, segments, wanted.CapacityBytes, term.Fence.MayWrite);
            return new ImageLayer(wanted.Name, VolumeFormat.Cow, segments.Sum(segment => segment.LengthBytes), segments);
        }
        await imager.ZeroAsync(VolumeExtension.Behind(segments, comingBytes / ZeroUnit * ZeroUnit), term.Fence.MayWrite);
        return new ImageLayer(wanted.Name, VolumeFormat.Raw, wanted.CapacityBytes, segments);
    }

    /// <summary>What a thin image needs is known only when it has come: extent by extent, as for a guest.</summary>
    async Task<IReadOnlyList<SegmentReply>> GrowAsync(WantedVolume wanted, long bytes)
    {
        var extents = CowSizes.RoundUp(bytes, term.Volumes.Group.ExtentSizeBytes) / term.Volumes.Group.ExtentSizeBytes;
        var group = await work.CommitAsync("fill", wanted.Name, draft => SpaceRules.Refuse(draft, wanted.Name, extents, SpaceUse.Creation) ?? draft.Extend(wanted.Name, extents));
        return VolumeExtension.Segments(group, group.Find(wanted.Name)!);
    }

    async Task CommitTagsAsync(WantedVolume wanted, Guid? movedFrom, int slot, JournalRecord.Begun operation)
    {
        var before = (VolumeTags.Created with { Slot = slot }).ToTags();
        var after = (VolumeTags.Finished(wanted.Image, wanted.Parent, slot) with { MovedFrom = movedFrom }).ToTags();
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

    /// <summary>Whom to tell how far it is, and who may end it.</summary>
    sealed record Filling(IProgress<double> Progress, CancellationToken Stop);
}
