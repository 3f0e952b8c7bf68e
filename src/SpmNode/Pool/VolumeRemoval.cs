using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool;

/// <summary>Deletes a volume: commit "removing" → read every map → commit the LV away (R9, R10, R11).</summary>
/// <param name="progress">Told what long work is beginning and how many bytes it has; tells the bytes of each step to what it gets. Null: nobody asks.</param>
sealed class VolumeRemoval(
    SpmTerm term, ActivationMaps maps, Func<ulong> generation, IVolumeImager imager, Func<int, Task<string>> hostName,
    Func<string, long, Action<long>>? progress = null)
{
    readonly HashSet<Guid> underWay = [];

    /// <param name="id">R24: who asks; null when the caller counts none.</param>
    /// <param name="wipe">Overwrite it with zeros first, so that nobody who gets the extents can read what was there.</param>
    /// <param name="discard">Tell the storage that the contents are not needed any more.</param>
    /// <param name="told">How much of it is emptied, 0 to 1.</param>
    public async Task<DeleteVolumeReply> DeleteAsync(string reference, RequestId? id = null, bool wipe = false, bool discard = false, IProgress<double>? told = null)
    {
        var volume = term.Volumes.Find(reference);
        return await AloneAsync(volume, () => DeleteAsync(volume, id, wipe, discard, told));
    }

    /// <summary>R10: of two at once, one could take the other's mark back after the other looked at the maps.</summary>
    async Task<T> AloneAsync<T>(VolumeInfo volume, Func<Task<T>> work)
    {
        lock (underWay)
        {
            if (!underWay.Add(volume.Uuid))
            {
                throw Refusal.Conflict($"volume {volume.Name} is being deleted right now; ask again in a moment.");
            }
        }
        try
        {
            return await work();
        }
        finally
        {
            lock (underWay)
            {
                underWay.Remove(volume.Uuid);
            }
        }
    }

    async Task<DeleteVolumeReply> DeleteAsync(VolumeInfo volume, RequestId? request, bool wipe, bool discard, IProgress<double>? told)
    {
        Check(term.Volumes.View(), volume);
        if (volume.Tags.Initializing)
        {
            return await RemoveLeftoverAsync(volume, request);
        }
        if (wipe || discard)
        {
            // Before the mark, which is not taken back.
            term.Domain.Devices.Require(term.Volumes.Group, volume.Name);
        }
        var id = IdOf(volume);
        await RefuseWhenUsedAsync(volume);
        var operation = term.Journal.Begin(wipe || discard ? OperationKind.RemoveWiped : OperationKind.Remove, request, volume.Uuid);
        try
        {
            var marked = volume.Tags.Removal != RemovalMark.None || await MarkAsync(volume, operation);
            try
            {
                // R10: an activation that began before the mark shows in a map now; one that begins later sees the mark.
                await RefuseWhenUsedAsync(volume);
            }
            catch (Exception refused) when (marked && refused is Refusal or IOException)
            {
                await UnmarkAsync(volume, operation);
                throw;
            }
            var zero = wipe || volume.Tags.Removal == RemovalMark.ZeroThenRemove;
            var kept = zero || discard ? await EmptyAsync(volume.Uuid, operation, zero, discard, told) : [];
            var deleted = await RemoveAsync(volume, id, request);
            return kept.Count == 0 ? deleted : deleted with { NotDiscarded = kept };
        }
        finally
        {
            // What has not ended by now is the recovery's: this SPM's or the next one's.
            term.Journal.Leave(operation);
        }
    }

    /// <summary>A removal that nobody attends to any more: goes on when no map names the volume, otherwise the mark is taken back.</summary>
    /// <remarks>One that was to be wiped only goes on: part of it may be zeros already.</remarks>
    public Task<OperationOutcome> ResumeAsync(VolumeInfo volume, JournalRecord.Begun operation) => AloneAsync(volume, () => ResumeAloneAsync(volume, operation));

    async Task<OperationOutcome> ResumeAloneAsync(VolumeInfo volume, JournalRecord.Begun operation)
    {
        var zeroed = volume.Tags.Removal == RemovalMark.ZeroThenRemove;
        try
        {
            await RefuseWhenUsedAsync(volume);
        }
        catch (Refusal) when (!zeroed)
        {
            await TakeBackAsync(volume, operation);
            return OperationOutcome.Undone;
        }
        if (zeroed || operation.Kind == OperationKind.RemoveWiped)
        {
            await EmptyAsync(volume.Uuid, operation, zero: true, discard: false);
        }
        await RemoveAsync(volume, IdOf(volume), null);
        return OperationOutcome.Done;
    }

    /// <summary>What can be said before anything is taken or written.</summary>
    public static void Check(DomainView view, VolumeInfo volume)
    {
        if (volume.Uuid == Guid.Empty)
        {
            throw Refusal.Conflict($"'{volume.Name}' is no volume of ours (its name is no uuid); it is left alone.");
        }
        if (view.Volumes.FirstOrDefault(v => v.Parent == volume.Uuid) is { } child)
        {
            throw Refusal.Conflict($"volume {volume.Name} is the parent of {child.Name}; delete that one first.");
        }
    }

    /// <summary>What a creation left behind that did not end. Nobody is creating it: only the SPM creates, and we are it.</summary>
    public async Task<DeleteVolumeReply> RemoveLeftoverAsync(VolumeInfo volume, RequestId? request = null)
    {
        var id = IdOf(volume);
        await RefuseWhenUsedAsync(volume);
        return await RemoveAsync(volume, id, request);
    }

    async Task RefuseWhenUsedAsync(VolumeInfo volume)
    {
        if (volume.Tags.Slot is not { } slot)
        {
            if (volume.Tags.Initializing)
            {
                return; // oVirt's first step; ours have their slot from the first commit
            }
            // R10: without the slot no map can say who uses it.
            throw Refusal.Conflict(
                $"volume {volume.Name} has no MD_ tag, so it cannot be told whether a host uses it. Put the tag back (lvchange --addtag MD_n), then delete it.");
        }
        var users = (await maps.ReadAllAsync()).UsersOf(slot);
        if (users.Count > 0)
        {
            throw Refusal.Conflict($"volume {volume.Name} is not deleted: {string.Join(", ", await Task.WhenAll(users.Select(SayAsync)))}. Deactivate it there first.");
        }
    }

    async Task<string> SayAsync(SlotUser user) => user.Use == SlotUse.Unreadable
        ? $"the activation map of {await hostName(user.Host)} cannot be read, so it counts as in use there"
        : $"it is active on {await hostName(user.Host)}";

    async Task<bool> MarkAsync(VolumeInfo volume, JournalRecord.Begun operation)
    {
        if (volume.Tags.Marked(RemovalMark.Remove) is not { } marked)
        {
            return false;
        }
        await ChangeTagsAsync(volume, volume.Tags, marked, "mark for removal", operation);
        return true;
    }

    async Task UnmarkAsync(VolumeInfo volume, JournalRecord.Begun operation)
    {
        if (volume.Tags.Removal == RemovalMark.None && volume.Tags.Marked(RemovalMark.Remove) is { } marked)
        {
            await ChangeTagsAsync(volume, marked, volume.Tags, "keep", new JournalRecord.Ended(operation.Operation, OperationOutcome.Undone));
        }
    }

    /// <summary>R13: our entry in the map while zeros or discards are on their way, so that a successor does not give the extents away.</summary>
    /// <remarks>Discards alone carry the mark for wiping, too: whoever finds the volume half emptied must not give it back, and zeros are sure.</remarks>
    /// <returns>Devices that take no discards.</returns>
    async Task<IReadOnlyList<string>> EmptyAsync(Guid uuid, JournalRecord.Begun operation, bool zero, bool discard, IProgress<double>? told = null)
    {
        var volume = term.Volumes.Find(uuid)!;
        term.Domain.Devices.Require(term.Volumes.Group, volume.Name);
        if (volume.Tags.Removal != RemovalMark.ZeroThenRemove)
        {
            // From here it is not given back any more, whatever happens.
            await ChangeTagsAsync(volume, volume.Tags, volume.Tags.Marked(RemovalMark.ZeroThenRemove)!, "mark for wiping", operation);
        }
        await using var hold = await SlotHold.TryTakeAsync(maps, volume.Tags.Slot!.Value, generation)
            ?? throw Refusal.Conflict($"volume {volume.Name} is in use on this node; ask again in a moment.");
        var group = term.Volumes.Group;
        var segments = VolumeExtension.Segments(group, group.Find(volume.Name)!);
        var (emptied, all) = (0L, volume.AllocatedBytes * ((zero ? 1 : 0) + (discard ? 1 : 0)));
        Action<long> Told(string what)
        {
            var say = progress?.Invoke($"{what} volume {volume.Name}", volume.AllocatedBytes);
            return bytes =>
            {
                say?.Invoke(bytes);
                told?.Report((double)(emptied += bytes) / all);
            };
        }
        if (zero)
        {
            await imager.ZeroAsync(segments, term.Fence.MayWrite, Told("wiping"));
        }
        return discard ? await imager.DiscardAsync(segments, term.Fence.MayWrite, Told("discarding")) : [];
    }

    /// <summary>A mark that is not followed by a removal.</summary>
    public Task KeepAsync(VolumeInfo volume, JournalRecord.Begun operation) => AloneAsync(volume, async () =>
    {
        await TakeBackAsync(volume, operation);
        return true;
    });

    Task TakeBackAsync(VolumeInfo volume, JournalRecord.Begun operation) => ChangeTagsAsync(
        volume, volume.Tags, volume.Tags.Marked(RemovalMark.None)!, "keep", new JournalRecord.Ended(operation.Operation, OperationOutcome.Undone));

    async Task ChangeTagsAsync(VolumeInfo volume, VolumeTags from, VolumeTags to, string what, JournalRecord record)
    {
        var (before, after) = (from.ToTags(), to.ToTags());
        var result = await term.Worker.SubmitAsync(
            $"{what} {volume.Name}", draft => draft.ReplaceTags(volume.Name, before, after), record);
        if (result is not PoolResult.Done)
        {
            throw PoolRefusals.Of(result, $"volume {volume.Name} was not deleted", term.Volumes.Group);
        }
    }

    async Task<DeleteVolumeReply> RemoveAsync(VolumeInfo volume, LvmUuid? id, RequestId? request)
    {
        var result = await term.Worker.SubmitAsync(
            $"remove {volume.Name}", draft => ChangedSince(draft, volume, id) ?? draft.Remove(volume.Name), Endings(volume, request));
        return result switch
        {
            PoolResult.Done done => new DeleteVolumeReply(volume.Name, volume.AllocatedBytes, done.Group.Seqno),
            PoolResult.Refused { Edit: EditOutcome.NotFound } => new DeleteVolumeReply(volume.Name, 0, term.Volumes.Group.Seqno),
            _ => throw PoolRefusals.Of(result, $"volume {volume.Name} was not deleted", term.Volumes.Group),
        };
    }

    /// <summary>With the LV every operation on it has ended, whoever began it.</summary>
    IEnumerable<JournalRecord> Endings(VolumeInfo volume, RequestId? request)
    {
        var open = term.Journal.Open.Where(operation => operation.Volume == volume.Uuid).ToList();
        var endings = open.Select(operation => (JournalRecord)new JournalRecord.Ended(
            operation.Operation, operation.Kind is OperationKind.Remove or OperationKind.RemoveWiped or OperationKind.Merge ? OperationOutcome.Done : OperationOutcome.Undone));
        return request is { } id && !open.Exists(operation => operation.Request == request)
            ? endings.Append(new JournalRecord.Answered(id, OperationKind.Remove, volume.Uuid, OperationOutcome.Done))
            : endings;
    }

    /// <summary>Marks volumes that go together, in one commit. Under entries of ours in the map; whoever activates them from now on sees the mark.</summary>
    /// <param name="request">R24: who asks, for the first of them.</param>
    /// <returns>What a successor ends; see <see cref="RemoveMarkedAsync"/>.</returns>
    public async Task<IReadOnlyList<JournalRecord.Begun>> MarkTogetherAsync(IReadOnlyList<VolumeInfo> volumes, RequestId? request = null)
    {
        var operations = volumes.Select((volume, index) => term.Journal.Begin(OperationKind.Remove, index == 0 ? request : null, volume.Uuid)).ToList();
        try
        {
            await ChangeTogetherAsync(volumes, volume => volume.Tags, volume => volume.Tags.Marked(RemovalMark.Remove)!, "mark for removal", operations);
            return operations;
        }
        catch
        {
            operations.ForEach(term.Journal.Leave);
            throw;
        }
    }

    /// <summary>R10: when no map names one of them they go in one commit; otherwise all marks are taken back, in one commit, too.</summary>
    /// <param name="volumes">As they were before the mark.</param>
    public async Task RemoveMarkedAsync(IReadOnlyList<VolumeInfo> volumes, IReadOnlyList<JournalRecord.Begun> operations)
    {
        try
        {
            foreach (var volume in volumes)
            {
                await RefuseWhenUsedAsync(volume);
            }
        }
        catch (Exception refused) when (refused is Refusal or IOException)
        {
            await ChangeTogetherAsync(
                volumes, volume => volume.Tags.Marked(RemovalMark.Remove)!, volume => volume.Tags, "keep",
                operations.Select(operation => new JournalRecord.Ended(operation.Operation, OperationOutcome.Undone)));
            throw;
        }
        var result = await term.Worker.SubmitAsync(
            $"remove {volumes[0].Name}",
            draft => Together(draft, volumes, (on, volume) => on.Find(volume.Name) is { } now && VolumeTags.Parse(now.Tags, out _).Removal == RemovalMark.None
                ? new EditOutcome.Refused("its mark was taken back meanwhile")
                : on.Remove(volume.Name)),
            volumes.SelectMany(volume => Endings(volume, null)));
        if (result is not PoolResult.Done)
        {
            throw PoolRefusals.Of(result, $"volume {volumes[0].Name} was not deleted", term.Volumes.Group);
        }
    }

    async Task ChangeTogetherAsync(
        IReadOnlyList<VolumeInfo> volumes, Func<VolumeInfo, VolumeTags> from, Func<VolumeInfo, VolumeTags> to, string what, IEnumerable<JournalRecord> records)
    {
        var changes = volumes.ToDictionary(volume => volume, volume => (Before: from(volume).ToTags(), After: to(volume).ToTags()));
        var result = await term.Worker.SubmitAsync(
            $"{what} {volumes[0].Name}",
            draft => Together(draft, volumes, (on, volume) => on.Find(volume.Name) is { } now && !now.Tags.ToHashSet().IsSupersetOf(changes[volume].Before)
                ? new EditOutcome.Refused("its tags changed meanwhile")
                : on.ReplaceTags(volume.Name, changes[volume].Before, changes[volume].After)),
            records);
        if (result is not PoolResult.Done)
        {
            throw PoolRefusals.Of(result, $"volume {volumes[0].Name} was not deleted", term.Volumes.Group);
        }
    }

    /// <summary>All or nothing: what is refused half-way would leave its first half in the draft, so it is tried on another one first.</summary>
    static EditOutcome Together(VolumeGroupDraft draft, IReadOnlyList<VolumeInfo> volumes, Func<VolumeGroupDraft, VolumeInfo, EditOutcome> change)
    {
        var trial = new VolumeGroupDraft(draft.From);
        var refused = volumes.Select(volume => change(trial, volume)).FirstOrDefault(outcome => outcome is not (EditOutcome.Done or EditOutcome.AlreadyThere));
        return refused ?? volumes.Select(volume => change(draft, volume)).ToList().MaxBy(outcome => outcome is EditOutcome.Done)!;
    }

    LvmUuid? IdOf(VolumeInfo volume) => term.Volumes.Group.Find(volume.Name)?.Uuid;

    /// <summary>R10: what the maps said holds for an LV that no host could begin to use. Judged in the commit itself.</summary>
    /// <remarks><code>
    /// deletion                                  creation of the same volume          another host
    ///   sees INITIALIZING, reads the maps
    ///                                           final tags, clears its own entry
    ///                                                                                activates it
    ///   frees the extents: not any more
    /// </code>A creation that was asked for again may also have put a new LV under this name.</remarks>
    static EditOutcome? ChangedSince(VolumeGroupDraft draft, VolumeInfo volume, LvmUuid? id) =>
        draft.Find(volume.Name) is { } now && VolumeTags.Parse(now.Tags, out _) is var tags && (now.Uuid != id || tags.Slot != volume.Tags.Slot || tags.IsUsable)
            ? new EditOutcome.Refused("its creation ended or began anew meanwhile; ask again")
            : null;
}
