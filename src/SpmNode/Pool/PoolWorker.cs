using System.Threading.Channels;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Roles;

namespace OvirtSpm.Node.Pool;

/// <summary>The one writer of the volume group. Everything queued goes into one commit; each request gets its own outcome.</summary>
/// <remarks>
/// Group commit: while a commit is on its way to the storage, requests gather; the next commit takes them all.
/// A thousand extends cost one text. R2: the loop awaits its commit, so one metadata write is in flight at most.
/// </remarks>
sealed class PoolWorker(MetadataStore store, PoolFence fence, TimeProvider clock, PoolCounters counters)
{
    /// <summary>More than this in one commit would let a flood delay the answers of those who came first.</summary>
    const int MaxRequestsPerCommit = 1024;

    readonly Channel<PoolRequest> queue = Queues.Create<PoolRequest>();

    /// <summary>What was last committed and acknowledged.</summary>
    public VolumeGroup Current => store.Current;

    public async Task<PoolResult> SubmitAsync(string what, Func<VolumeGroupDraft, EditOutcome> apply)
    {
        var request = new PoolRequest(what, apply);
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
        var batch = new List<PoolRequest>();
        try
        {
            while (await queue.Reader.WaitToReadAsync())
            {
                batch.Clear();
                while (batch.Count < MaxRequestsPerCommit && queue.Reader.TryRead(out var request))
                {
                    batch.Add(request);
                }
                try
                {
                    await CommitAsync(batch);
                }
                catch (Exception broken)
                {
                    // R6: what reached the storage is not known; no further write in this epoch. Whoever has an answer already keeps it.
                    counters.Unknown();
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
                late.Complete(new PoolResult.NotIssued(fence.ClosedBecause ?? "this node is handing the role over"));
            }
        }
    }

    async Task CommitAsync(List<PoolRequest> batch)
    {
        for (var attempt = 1; ; attempt++)
        {
            var started = clock.GetTimestamp();
            var draft = new VolumeGroupDraft(store.Current);
            var accepted = Apply(batch, draft, out var changed);
            if (!changed)
            {
                // R1: "it is so already" is an acknowledgement, too; after the deadline another host may have changed it.
                Answer(accepted, edit => fence.MayWrite()
                    ? new PoolResult.Done(edit, store.Current, fence.Epoch)
                    : new PoolResult.NotIssued(fence.ClosedBecause ?? "the deadline passed"));
                return;
            }
            switch (await store.CommitAsync(draft, fence, Description(batch)))
            {
                case CommitOutcome.Committed done:
                    counters.Committed(accepted.Count, clock.GetElapsedTime(started));
                    Answer(accepted, edit => new PoolResult.Done(edit, done.Group, fence.Epoch));
                    return;
                case CommitOutcome.ForeignWrite foreign when attempt == 1:
                    // R22: somebody else wrote. Nothing of ours was issued; look, count, adopt what keeps every
                    // segment we acknowledged, and apply the same requests to what is there now.
                    counters.ForeignWrite();
                    if (await store.AdoptForeignAsync(fence) is var adopted && adopted is not TakeOverOutcome.TakenOver)
                    {
                        fence.Close($"another program wrote the metadata: {foreign.Found}; {adopted}");
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
                    counters.Unknown();
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
