using System.Threading.Channels;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Pool;

/// <summary>The one writer of the volume group. Everything queued goes into one commit; each request gets its own outcome.</summary>
/// <remarks>
/// Group commit: while a commit is on its way to the storage, requests gather; the next commit takes them all.
/// A thousand extends cost one text. R2: the loop awaits its commit, so one metadata write is in flight at most. R6: in between it looks at
/// both headers once a second, because a queued write of a former SPM may land at any time.
/// </remarks>
/// <param name="isSeen">Physical volumes this host sees: only their extents are given. Null: all.</param>
/// <param name="journal">Null where nobody would roll anything forward: a group that is measured, or one in memory.</param>
sealed class PoolWorker(
    MetadataStore store, PoolFence fence, TimeProvider clock, PoolCounters counters, SeenMetadata? seen = null, OperationJournal? journal = null,
    Func<PhysicalVolume, bool>? isSeen = null)
{
    static readonly TimeSpan ScrubInterval = TimeSpan.FromSeconds(1);

    /// <summary>R27: the lease is read again with the next scrub after this long; R27 asks for it with every renewal. Each commit reads it anyway (R25).</summary>
    public TimeSpan ConfirmInterval { get; init; } = ScrubInterval;

    /// <summary>More than this in one commit would let a flood delay the answers of those who came first.</summary>
    const int MaxRequestsPerCommit = 1024;

    /// <summary>Null stands for a look at the headers.</summary>
    readonly Channel<PoolRequest?> queue = Queues.Create<PoolRequest?>();
    volatile bool scrubQueued;
    long? confirmed;

    /// <summary>What was last committed and acknowledged.</summary>
    public VolumeGroup Current => store.Current;

    /// <param name="records">R24: for the journal, in the same flush; void unless the change takes effect.</param>
    public async Task<PoolResult> SubmitAsync(string what, Func<VolumeGroupDraft, EditOutcome> apply, params IEnumerable<JournalRecord> records)
    {
        var request = new PoolRequest(what, apply, [.. records]);
        if (!queue.Writer.TryWrite(request))
        {
            return new PoolResult.NotIssued(fence.ClosedBecause ?? "this node is handing the role over");
        }
        return await request.Answer;
    }

    /// <summary>No further requests; those already queued are still served.</summary>
    public void StopAccepting() => queue.Writer.TryComplete();

    /// <summary>Runs until the queue is closed and empty, or the fence closes.</summary>
    public async Task RunAsync()
    {
        using var ended = new CancellationTokenSource();
        var asking = AskForScrubsAsync(ended.Token);
        try
        {
            await WriteAsync();
        }
        finally
        {
            ended.Cancel();
            await asking;
        }
        if (journal is not null && fence.ClosedBecause is null)
        {
            // C8: whoever follows must not find open what has ended.
            using var entry = fence.Enter();
            try
            {
                await journal.AppendAsync(fence);
            }
            catch (IOException failed)
            {
                fence.Close($"the journal could not be written: {failed.Message}");
            }
        }
    }

    async Task AskForScrubsAsync(CancellationToken ended)
    {
        try
        {
            while (true)
            {
                await Task.Delay(ScrubInterval, clock, ended);
                if (!scrubQueued)
                {
                    scrubQueued = true;
                    queue.Writer.TryWrite(null);
                }
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    async Task WriteAsync()
    {
        var batch = new List<PoolRequest>();
        try
        {
            while (await queue.Reader.WaitToReadAsync())
            {
                batch.Clear();
                var scrub = false;
                while (batch.Count < MaxRequestsPerCommit && queue.Reader.TryRead(out var request))
                {
                    if (request is null)
                    {
                        scrub = true;
                    }
                    else
                    {
                        batch.Add(request);
                    }
                }
                try
                {
                    using var entry = fence.Enter();
                    if (scrub)
                    {
                        scrubQueued = false;
                        await ScrubAsync();
                        counters.Saw(store.Current);
                        if (journal is not null && batch.Count == 0 && fence.ClosedBecause is null)
                        {
                            await journal.AppendAsync(fence);
                        }
                    }
                    if (batch.Count > 0)
                    {
                        await CommitAsync(batch);
                    }
                }
                catch (Exception broken)
                {
                    // R6: what reached the storage is not known; no further write in this epoch. Whoever has an answer already keeps it.
                    Doubt();
                    fence.Close($"a commit failed: {broken.Message}");
                    batch.ForEach(request => request.Complete(new PoolResult.Unknown(broken.Message)));
                    throw;
                }
                if (fence.ClosedBecause is not null)
                {
                    break;
                }
            }
        }
        finally
        {
            // However it ends, everybody who asked gets an answer: a caller that waits for ever holds locks of its own.
            queue.Writer.TryComplete();
            while (queue.Reader.TryRead(out var late))
            {
                late?.Complete(new PoolResult.NotIssued(fence.ClosedBecause ?? "this node is handing the role over"));
            }
        }
    }

    async Task ScrubAsync()
    {
        try
        {
            // R27: the leader sector, too. A version that a stalled rival wrote back is put right, somebody else's name ends the term.
            if (confirmed is not { } before || clock.GetElapsedTime(before) >= ConfirmInterval)
            {
                confirmed = clock.GetTimestamp();
                if (await fence.ConfirmAsync() is not null && fence.ClosedBecause is not null)
                {
                    return;
                }
            }
            if (await store.ScrubAsync() is { } found)
            {
                await SettleAsync(found);
            }
        }
        catch (IOException)
        {
            // A read that failed says nothing about the metadata; the next one comes in a second, and the renewals judge the storage.
        }
    }

    /// <summary>R6, R22: somebody else wrote, nothing of ours is on its way. Restores, adopts, or ends the term.</summary>
    /// <returns>False when the term is over.</returns>
    async Task<bool> SettleAsync(string found)
    {
        var settled = await store.AdoptForeignAsync(fence, ForeignTextCheck.Lost);
        if (settled is TakeOverOutcome.TakenOver { Restored: true })
        {
            counters.StaleWrite(found);
        }
        else
        {
            counters.ForeignWrite();
        }
        if (settled is TakeOverOutcome.TakenOver taken)
        {
            seen?.Saw(taken.Group);
            return true;
        }
        if (settled is TakeOverOutcome.Unknown)
        {
            Doubt();
        }
        fence.Close(settled is TakeOverOutcome.EpochNotAbove { EpochOnDisk: var epoch }
            ? $"epoch {epoch} is on disk: another host is SPM"
            : $"another program wrote the metadata: {found}; {settled}");
        return false;
    }

    void Doubt()
    {
        counters.Unknown();
        seen?.Doubt();
    }

    async Task CommitAsync(List<PoolRequest> batch)
    {
        for (var attempt = 1; ; attempt++)
        {
            var started = clock.GetTimestamp();
            var draft = new VolumeGroupDraft(store.Current, isSeen);
            var accepted = Apply(batch, draft, out var changed);
            if (!changed)
            {
                var records = accepted.SelectMany(a => a.Request.Records.Where(record => record is not JournalRecord.Answered)).ToList();
                journal?.Later(records);
                // Nothing of the group changes with the first step of what begins so, and that step may come only when this is durable.
                if (journal is not null && records.Exists(record => record is JournalRecord.Begun) && !await journal.AppendAsync(fence))
                {
                    journal.Withdraw(records);
                    Answer(accepted, _ => new PoolResult.NotIssued(fence.ClosedBecause ?? "the journal takes nothing now: the deadline is too near"));
                    return;
                }
                // R1: "it is so already" is an acknowledgement, too; after the deadline another host may have changed it.
                Answer(accepted, edit => fence.MayWrite()
                    ? new PoolResult.Done(edit, store.Current, fence.Epoch)
                    : new PoolResult.NotIssued(fence.ClosedBecause ?? "the deadline passed"));
                return;
            }
            journal?.Stage([.. CommitRecords.Of(draft), .. accepted.SelectMany(a => a.Request.Records)]);
            switch (await store.CommitAsync(draft, fence, Description(batch)))
            {
                case CommitOutcome.Committed done:
                    seen?.Saw(done.Group);
                    counters.Committed(accepted.Count, clock.GetElapsedTime(started));
                    counters.Saw(done.Group);
                    Answer(accepted, edit => new PoolResult.Done(edit, done.Group, fence.Epoch));
                    return;
                case CommitOutcome.ForeignWrite foreign when attempt == 1:
                    // R22: somebody else wrote. Nothing of ours was issued; look, count, adopt what keeps every
                    // segment we acknowledged, and apply the same requests to what is there now.
                    if (!await SettleAsync(foreign.Found))
                    {
                        Answer(accepted, _ => new PoolResult.NotIssued(fence.ClosedBecause!));
                        return;
                    }
                    batch = [.. accepted.Select(a => a.Request)];
                    continue;
                case CommitOutcome.ForeignWrite foreign:
                    fence.Close($"another program keeps writing the metadata: {foreign.Found}");
                    Answer(accepted, _ => new PoolResult.NotIssued(fence.ClosedBecause!));
                    return;
                case CommitOutcome.NotIssued not:
                    // A text that does not fit or would be refused by lvm2 ends these requests, not the term.
                    Answer(accepted, _ => new PoolResult.NotIssued(not.Reason));
                    return;
                case CommitOutcome.Unknown unknown:
                    // R1, R6: the outcome is unknown, nobody is told "done", and this epoch writes no more.
                    Doubt();
                    fence.Close(unknown.Reason);
                    Answer(accepted, _ => new PoolResult.Unknown(unknown.Reason));
                    return;
            }
        }
    }

    static List<(PoolRequest Request, EditOutcome Edit)> Apply(List<PoolRequest> batch, VolumeGroupDraft draft, out bool changed)
    {
        var accepted = new List<(PoolRequest, EditOutcome)>(batch.Count);
        changed = false;
        foreach (var request in batch)
        {
            EditOutcome edit;
            try
            {
                edit = request.Apply(draft);
            }
            catch (Exception broken)
            {
                // A change that cannot even be computed is its asker's trouble, not that of everybody in the batch.
                edit = new EditOutcome.Refused($"the change cannot be made: {broken.Message}");
            }
            if (edit is EditOutcome.Done or EditOutcome.AlreadyThere)
            {
                // "Already there" may rest on a change of the same batch: it is answered by the same commit.
                accepted.Add((request, edit));
                changed |= edit is EditOutcome.Done;
            }
            else
            {
                request.Complete(new PoolResult.Refused(edit));
            }
        }
        return accepted;
    }

    static void Answer(List<(PoolRequest Request, EditOutcome Edit)> accepted, Func<EditOutcome, PoolResult> result)
    {
        foreach (var (request, edit) in accepted)
        {
            request.Complete(result(edit));
        }
    }

    static string Description(List<PoolRequest> batch) =>
        batch.Count == 1 ? $"Write from spm: {batch[0].What}." : $"Write from spm: {batch[0].What} and {batch.Count - 1} more.";
}
