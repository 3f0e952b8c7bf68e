using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Roles;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Storage;

/// <summary>The journal of one term: what is begun, what ended, what was given away, who was answered.</summary>
/// <remarks>
/// Only the pool's one writer writes it: beside the texts of a commit, at no flush of its own, or by itself once a second when something
/// waits that belongs to no commit. Any thread may read it.
/// </remarks>
sealed class OperationJournal(JournalPlace place, ulong epoch, JournalReading before) : ICommitJournal
{
    readonly Lock gate = new();
    readonly JournalWriter writer = new(place.Geometry, place.Pool, epoch, before);
    readonly HashSet<ulong> attended = [];
    readonly List<JournalRecord> waiting = [];
    ImmutableArray<JournalRecord> staged = [];
    ulong lastOperation = before.State().LastOperation;
    int underWay;

    /// <summary>What the takeover found that cannot be believed.</summary>
    public ImmutableArray<JournalDamage> Damage => before.Damage;

    /// <summary>Called with an operation that nobody attends to any more and that has not ended.</summary>
    public Action? Abandoned { get; set; }

    public JournalPosition Position
    {
        get
        {
            lock (gate)
            {
                return writer.Position;
            }
        }
    }

    /// <summary>Gives an operation its number; it is open once the record has been committed, and its caller's until <see cref="Leave"/>.</summary>
    public JournalRecord.Begun Begin(OperationKind kind, RequestId? request, Guid volume, long fromBytes = 0, long toBytes = 0)
    {
        lock (gate)
        {
            attended.Add(++lastOperation);
            return new JournalRecord.Begun(lastOperation, kind, request, volume, fromBytes, toBytes);
        }
    }

    /// <summary>Takes on an open operation that nobody attends to.</summary>
    public bool TryAttend(JournalRecord.Begun operation)
    {
        lock (gate)
        {
            return attended.Add(operation.Operation);
        }
    }

    public void Leave(JournalRecord.Begun operation)
    {
        lock (gate)
        {
            attended.Remove(operation.Operation);
            if (!IsOpen(operation))
            {
                return;
            }
        }
        Abandoned?.Invoke();
    }

    /// <summary>Every operation that has begun and not ended.</summary>
    public ImmutableArray<JournalRecord.Begun> Open
    {
        get
        {
            lock (gate)
            {
                return [.. writer.State.Open.Where(IsOpen)];
            }
        }
    }

    public int KeptAnswers
    {
        get
        {
            lock (gate)
            {
                return writer.State.KeptCount;
            }
        }
    }

    /// <summary>R24: what is known of a request.</summary>
    public (JournalRecord.Answered? Answer, bool IsForgotten, bool IsOpen) Find(RequestId request)
    {
        lock (gate)
        {
            var operation = writer.State.Open.Concat(waiting.OfType<JournalRecord.Begun>()).FirstOrDefault(o => o.Request == request);
            var ended = waiting.OfType<JournalRecord.Ended>().FirstOrDefault(e => e.Operation == operation?.Operation);
            var answer = operation is not null && ended is not null
                ? new JournalRecord.Answered(request, operation.Kind, operation.Volume, ended.Outcome)
                : writer.State.Find(request);
            return (answer, writer.State.IsForgotten(request), operation is not null && ended is null);
        }
    }

    /// <summary>For the next commit.</summary>
    public void Stage(ImmutableArray<JournalRecord> records)
    {
        lock (gate)
        {
            staged = records;
        }
    }

    /// <summary>Belongs to no commit: goes along with the next one, or by itself soon.</summary>
    public void Later(params IEnumerable<JournalRecord> records)
    {
        lock (gate)
        {
            waiting.AddRange(records);
        }
    }

    CommitNoteWrite? ICommitJournal.Note(VolumeGroup next, int textBytes, uint checksum, IReadOnlyList<long> places)
    {
        lock (gate)
        {
            var commit = new CommitNote(next.Seqno, textBytes, checksum, places[0], places[1]);
            return Write(writer.Next(commit, [.. staged, .. TakeWaiting()]));
        }
    }

    void ICommitJournal.Ended(bool tookEffect)
    {
        lock (gate)
        {
            // Also what did not happen is not told with the next commit: that may be the adoption of somebody else's text.
            staged = [];
            if (tookEffect)
            {
                Took();
            }
            else
            {
                writer.Dropped();
            }
        }
    }

    /// <summary>Writes what waits. Not beside a commit: the pool's writer calls both.</summary>
    /// <returns>False when something waits and was not written: it is too large, or the fence lets nothing through.</returns>
    /// <exception cref="IOException">R6: it may still land, so nothing more may be written in this epoch.</exception>
    public async ValueTask<bool> AppendAsync(PoolFence fence)
    {
        CommitNoteWrite note;
        lock (gate)
        {
            if (waiting.Count == 0)
            {
                return true;
            }
            if (Write(writer.Next(null, TakeWaiting())) is not { } write)
            {
                return false;
            }
            note = write;
        }
        if (fence.Issue(() => note.Pv.WriteAsync(note.OffsetBytes, note.Bytes)) is not { } writing)
        {
            return false;
        }
        await writing;
        await note.Pv.FlushAsync();
        lock (gate)
        {
            Took();
        }
        return true;
    }

    /// <summary>What has not been written yet and is not wanted any more.</summary>
    public void Withdraw(IEnumerable<JournalRecord> records)
    {
        lock (gate)
        {
            foreach (var record in records)
            {
                waiting.Remove(record);
            }
        }
    }

    ImmutableArray<JournalRecord> TakeWaiting()
    {
        underWay = waiting.Count;
        return [.. waiting];
    }

    CommitNoteWrite? Write((long OffsetBytes, ReadOnlyMemory<byte> Bytes)? next) =>
        next is { } write ? new CommitNoteWrite(place.Pv, place.OffsetBytes + write.OffsetBytes, write.Bytes) : null;

    void Took()
    {
        writer.TookEffect();
        waiting.RemoveRange(0, underWay);
        underWay = 0;
    }

    bool IsOpen(JournalRecord.Begun operation) =>
        (writer.State.Open.Contains(operation) || waiting.Contains(operation))
        && !waiting.Any(record => record is JournalRecord.Ended ended && ended.Operation == operation.Operation);
}
