using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>The one writer of a group's metadata. One call at a time; a second one in flight throws (R2).</summary>
public sealed class MetadataStore
{
    private readonly IReadOnlyList<IPvArea> pvs;
    private readonly TimeProvider clock;
    private readonly string host;
    private readonly bool othersElsewhere;
    private readonly MetadataWriter writer = new();
    private List<MetadataCopy> copies;
    private ulong? poisonedEpoch;
    private bool busy;

    private MetadataStore(
        IReadOnlyList<IPvArea> pvs, TimeProvider clock, string host, VolumeGroup current, List<MetadataCopy> copies, bool othersElsewhere)
    {
        this.othersElsewhere = othersElsewhere;
        this.pvs = pvs;
        this.clock = clock;
        this.host = host;
        this.copies = copies;
        Current = current;
    }

    /// <summary>What was last read, taken over or committed.</summary>
    public VolumeGroup Current { get; private set; }

    /// <summary>Epoch this store may commit in; null before a takeover and after an unknown outcome (R6).</summary>
    public ulong? Epoch { get; private set; }

    /// <summary>Texts by other writers that were met since this store was opened.</summary>
    public long ForeignWritesSeen { get; private set; }

    /// <summary>Bytes the largest text of this group may have, closing NUL included.</summary>
    public long MaxTextBytes => copies.Count == 0 ? 0 : copies.Min(copy => copy.Ring.MaxTextBytes);

    /// <param name="pvs">All physical volumes of the group.</param>
    /// <param name="clock">Time stamps in the text.</param>
    /// <param name="host">This host's name in the text.</param>
    /// <param name="othersElsewhere">As in <see cref="MetadataReader.ReadAsync"/>.</param>
    /// <exception cref="IOException">A device failed.</exception>
    public static async ValueTask<OpenOutcome> OpenAsync(IReadOnlyList<IPvArea> pvs, TimeProvider clock, string host, bool othersElsewhere = false)
    {
        var read = await MetadataReader.ReadAsync(pvs, null, othersElsewhere);
        return read.Group is { } group
            ? new OpenOutcome.Opened(new MetadataStore(pvs, clock, host, group, MetadataCopy.From(pvs, read), othersElsewhere), read)
            : new OpenOutcome.Refused(read.Problem ?? "no volume group was found", read);
    }

    /// <summary>The first commit of an epoch: R3, R4, R5, R22. Must precede every <see cref="CommitAsync"/>.</summary>
    /// <param name="known">What this host knows to have been acknowledged, from before this store was opened.</param>
    /// <param name="check">Judges a foreign text: (acknowledged, found) to the objection or null. Default: <see cref="ForeignCheck"/>.</param>
    /// <param name="journal">R18: asked with the text that is taken over, directly before the first write; what it gives is told of every commit.</param>
    public async ValueTask<TakeOverOutcome> TakeOverAsync(
        IWriteGuard guard, KnownGroup? known = null, Func<VolumeGroup, VolumeGroup, string?>? check = null,
        Func<VolumeGroup, ValueTask<TakeOverBasis>>? journal = null)
    {
        using var _ = Enter();
        if (poisonedEpoch is { } poisoned && guard.Epoch <= poisoned)
        {
            return new TakeOverOutcome.NotIssued(PoisonedReason(poisoned));
        }
        Epoch = null;
        var read = await TryReadAsync(Current.Version);
        if (TakeOverRules.Objection(read, guard) is { } objection)
        {
            return objection;
        }
        var found = read.Group!;
        if (!found.HasTripwire && found.Epoch is not null)
        {
            ForeignWritesSeen++;
            foreach (var before in new[] { known, new KnownGroup(Current, IsWhole: false) })
            {
                // R22: what was acknowledged must still be there.
                if (before is not null && before.Judges(found) && (check ?? ForeignCheck.AcknowledgedSegmentsKept)(before.Group, found) is { } lost)
                {
                    return new TakeOverOutcome.ForeignRefused(ForeignReason(found, lost));
                }
            }
        }
        Func<VolumeGroupDraft, string?>? reapply = null;
        if (journal is not null)
        {
            var basis = await journal(found);
            reapply = basis.Reapply;
            if (basis.Objection is { } against)
            {
                return new TakeOverOutcome.NotIssued(against);
            }
            writer.Journal = basis.Journal;
        }
        // R3: so that the order of seqnos agrees with the order of epochs, whatever the predecessor still gets written.
        if (TakeOverRules.FirstSeqno(read, guard.Epoch) is not { } seqno)
        {
            return new TakeOverOutcome.NotIssued("the group's sequence numbers are used up; recreate the group");
        }
        return await RollForwardAsync(read, found, seqno, guard, $"take over with epoch {guard.Epoch}", isFirst: true, reapply);
    }

    /// <summary>Makes a kept text current again, whatever is on the disk now: the first commit of an epoch. Nobody may use a volume meanwhile.</summary>
    /// <param name="kept">With the same devices as the group on the disk.</param>
    public static async ValueTask<TakeOverOutcome> RestoreAsync(
        IReadOnlyList<IPvArea> pvs, VolumeGroup kept, IWriteGuard guard, TimeProvider clock, string host, bool othersElsewhere = false)
    {
        var read = await MetadataReader.ReadAsync(pvs, null, othersElsewhere);
        if (TakeOverRules.RestoreObjection(read, kept, guard, MetadataReader.DeviceProblem(kept, pvs, read.Labels, othersElsewhere)) is { } objection)
        {
            return objection;
        }
        if (TakeOverRules.RestoreSeqno(read, kept, guard.Epoch) is not { } seqno)
        {
            return new TakeOverOutcome.NotIssued("the group's sequence numbers are used up; recreate the group");
        }
        var store = new MetadataStore(pvs, clock, host, kept, MetadataCopy.From(pvs, read), othersElsewhere);
        return await store.RollForwardAsync(read, kept, seqno, guard, $"restore what was kept of seqno {kept.Seqno}", isFirst: true);
    }

    /// <param name="draft">Based on <see cref="Current"/>.</param>
    /// <param name="description">What it does, for people who read the text.</param>
    public async ValueTask<CommitOutcome> CommitAsync(VolumeGroupDraft draft, IWriteGuard guard, string description)
    {
        using var _ = Enter();
        if (poisonedEpoch is { } poisoned && guard.Epoch <= poisoned)
        {
            // R6: the unknown write may still land; a second one beside it could be overtaken by it.
            return new CommitOutcome.NotIssued(PoisonedReason(poisoned));
        }
        if (Epoch != guard.Epoch)
        {
            return new CommitOutcome.NotIssued($"this host has not taken the group over with epoch {guard.Epoch}; take it over first");
        }
        if (!ReferenceEquals(draft.From, Current))
        {
            return new CommitOutcome.NotIssued($"the change is based on {draft.From.Version}, current is {Current.Version}; make it again from the current group");
        }
        if (Current.Seqno == uint.MaxValue)
        {
            return new CommitOutcome.NotIssued("the group's sequence numbers are used up; recreate the group");
        }
        var next = draft.Build(Current.Seqno + 1, guard.Epoch, clock.GetUtcNow(), description, host);
        return Note(await writer.WriteAsync(copies, next, guard, isFirst: false), guard);
    }

    /// <summary>After <see cref="CommitOutcome.ForeignWrite"/>: reads again, checks (R22) and goes on above what was found.</summary>
    /// <param name="check">As in <see cref="TakeOverAsync"/>.</param>
    public async ValueTask<TakeOverOutcome> AdoptForeignAsync(IWriteGuard guard, Func<VolumeGroup, VolumeGroup, string?>? check = null)
    {
        using var _ = Enter();
        if (Epoch != guard.Epoch)
        {
            return new TakeOverOutcome.NotIssued($"this host has not taken the group over with epoch {guard.Epoch}; take it over first");
        }
        var read = await TryReadAsync(null);
        var highest = read.Copies.Select(copy => copy.Version?.Epoch ?? 0).DefaultIfEmpty().Max();
        if (highest > guard.Epoch)
        {
            // R6: a higher epoch means another host leads: step down.
            Epoch = null;
            return new TakeOverOutcome.EpochNotAbove(highest);
        }
        if (read.Group is not { } found)
        {
            return new TakeOverOutcome.ForeignRefused(read.Problem ?? "the metadata cannot be read");
        }
        if (read.WriteProblem is { } problem)
        {
            return new TakeOverOutcome.ForeignRefused(problem);
        }
        var isOurs = found.HasTripwire && found.Version <= Current.Version;
        if (!isOurs)
        {
            ForeignWritesSeen++;
            var lost = found.HasTripwire ? "it carries this epoch, but this host did not write it" : (check ?? ForeignCheck.AcknowledgedSegmentsKept)(Current, found);
            if ((lost ?? found.WriteRefusal) is { } reason)
            {
                return new TakeOverOutcome.ForeignRefused(ForeignReason(found, reason));
            }
        }
        // R6: an older text of ours came back (a stale write landed): rewrite from memory. A newer foreign one: go on from it.
        var seqno = Math.Max(read.Copies.Max(copy => copy.Version?.Seqno ?? 0), Current.Seqno);
        if (seqno == uint.MaxValue)
        {
            return new TakeOverOutcome.NotIssued("the group's sequence numbers are used up; recreate the group");
        }
        var why = isOurs ? "restore after a stale write" : "adopt a foreign write";
        var settled = await RollForwardAsync(read, isOurs ? Current : found, seqno + 1, guard, why, isFirst: true);
        return settled is TakeOverOutcome.TakenOver taken ? taken with { Restored = isOurs } : settled;
    }

    /// <summary>R6: reads headers only.</summary>
    /// <returns>What somebody else wrote since, for people; null when nobody did. Then <see cref="AdoptForeignAsync"/> puts it right.</returns>
    /// <exception cref="IOException">A device failed.</exception>
    public async ValueTask<string?> ScrubAsync()
    {
        using var _ = Enter();
        return await writer.FindForeignAsync(copies);
    }

    /// <summary>For hosts that only read: takes what is on disk now, never older than <see cref="Current"/> (R5).</summary>
    /// <exception cref="IOException">A device failed.</exception>
    /// <exception cref="InvalidOperationException">This store leads: what it committed is current.</exception>
    public async ValueTask<VolumeGroupRead> RefreshAsync()
    {
        using var _ = Enter();
        if (Epoch is not null)
        {
            throw new InvalidOperationException("a store that leads does not refresh; it polls and adopts");
        }
        var read = await MetadataReader.ReadAsync(pvs, Current.Version, othersElsewhere);
        if (read.Group is { } group)
        {
            Current = group;
            copies = MetadataCopy.From(pvs, read);
        }
        return read;
    }

    private async ValueTask<TakeOverOutcome> RollForwardAsync(
        VolumeGroupRead read, VolumeGroup from, uint seqno, IWriteGuard guard, string description, bool isFirst,
        Func<VolumeGroupDraft, string?>? reapply = null)
    {
        var behind = read.Copies
            .Where(copy => copy.State is not (CopyState.Current or CopyState.Ignored))
            .Select(copy => copy.Describe()).ToList();
        copies = MetadataCopy.From(pvs, read);
        if (copies.Count < 2)
        {
            // R5: with a single copy a torn header leaves nothing.
            return new TakeOverOutcome.NotIssued(
                $"the group has {copies.Count} used metadata copies, writing needs 2: make the group with two, or switch one on with pvchange --metadataignore n");
        }
        var draft = new VolumeGroupDraft(from);
        if (reapply?.Invoke(draft) is { } impossible)
        {
            return new TakeOverOutcome.NotIssued(impossible);
        }
        var next = draft.Build(seqno, guard.Epoch, clock.GetUtcNow(), description, host);
        switch (Note(await writer.WriteAsync(copies, next, guard, isFirst), guard))
        {
            case CommitOutcome.Committed:
                Epoch = next.Epoch; // none when the group was left to others: nothing of this store follows
                return new TakeOverOutcome.TakenOver(next, behind);
            case CommitOutcome.NotIssued { Reason: var reason }:
                return new TakeOverOutcome.NotIssued(reason);
            case CommitOutcome.ForeignWrite { Found: var foreign }:
                return new TakeOverOutcome.NotIssued($"{foreign} during the takeover; try again");
            case CommitOutcome.Unknown { Reason: var reason }:
                return new TakeOverOutcome.Unknown(reason);
            case var other:
                throw new InvalidOperationException($"unexpected outcome {other}");
        }
    }

    private CommitOutcome Note(CommitOutcome outcome, IWriteGuard guard)
    {
        writer.Journal?.Ended(outcome is CommitOutcome.Committed);
        if (outcome is CommitOutcome.Committed { Group: var group })
        {
            Current = group;
        }
        else if (outcome is CommitOutcome.Unknown)
        {
            // R6: no further metadata write in this epoch.
            poisonedEpoch = guard.Epoch;
            Epoch = null;
        }
        return outcome;
    }

    private async ValueTask<VolumeGroupRead> TryReadAsync(MetadataVersion? notBelow)
    {
        try
        {
            return await MetadataReader.ReadAsync(pvs, notBelow, othersElsewhere);
        }
        catch (IOException failure)
        {
            return new VolumeGroupRead(null, [], failure.Message, []);
        }
    }

    private static string ForeignReason(VolumeGroup found, string lost) =>
        $"a text that is not ours (seqno {found.Seqno}, '{GroupRules.Short(found.Description)}' on {GroupRules.Short(found.WriterHost)}) is current, and {lost}; decide by hand";

    private static string PoisonedReason(ulong epoch) =>
        $"an earlier write of epoch {epoch} ended unknown and may still land; take over again with a higher epoch";

    private Leave Enter()
    {
        if (busy)
        {
            throw new InvalidOperationException("one metadata operation at a time: the last one has not returned");
        }
        busy = true;
        return new Leave(this);
    }

    private readonly struct Leave(MetadataStore store) : IDisposable
    {
        public void Dispose() => store.busy = false;
    }
}
