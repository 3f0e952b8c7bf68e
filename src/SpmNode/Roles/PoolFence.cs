using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata;

namespace OvirtSpm.Node.Roles;

/// <summary>Epoch and deadline of one term as SPM: what every metadata write asks before it is issued.</summary>
/// <remarks>
/// The deadline is read at the moment of asking, on a clock that counts suspend; closing is one-way.
/// The margin covers the cost of getting from the question to the device.
/// Whoever asks in order to write is inside meanwhile: a closed fence is final only when everybody has left.
/// </remarks>
/// <param name="confirm">R25: what the disk says of the lease now.</param>
public sealed class PoolFence(
    ulong epoch, Func<TimeSpan, bool> deadlineHolds, TimeSpan margin, TimeProvider clock, Func<ValueTask<ConfirmOutcome>>? confirm = null) : IWriteGuard
{
    readonly Dictionary<long, long> inside = [];
    TaskCompletionSource? left;
    long entries;
    volatile string? closedBecause;

    public ulong Epoch { get; } = epoch;

    /// <summary>Why nothing may be written any more; null while the term lasts.</summary>
    public string? ClosedBecause => closedBecause;

    // R2, R1: read the deadline itself, now; a timer that would have set a flag may not have run yet.
    public bool MayWrite() => closedBecause is null && deadlineHolds(margin);

    public void Close(string why) => Interlocked.CompareExchange(ref closedBecause, why, null);

    public async ValueTask<string?> ConfirmAsync()
    {
        switch (confirm is null ? ConfirmOutcome.Ours : await confirm())
        {
            case ConfirmOutcome.NotOurs:
                Close("the SPM lease or the host id on the disk is not this host's any more");
                return closedBecause;
            case ConfirmOutcome.Unknown:
                return "the SPM lease could not be read again; nothing was changed";
            default:
                return null;
        }
    }

    /// <summary>Before asking <see cref="MayWrite"/> in order to write; disposed when the write has returned.</summary>
    public Entry Enter()
    {
        lock (inside)
        {
            inside.Add(++entries, clock.GetTimestamp());
            return new Entry(this, entries);
        }
    }

    /// <summary>R27: how long the one who is inside longest has been there; zero when nobody is.</summary>
    public TimeSpan InsideFor
    {
        get
        {
            lock (inside)
            {
                return inside.Count == 0 ? TimeSpan.Zero : clock.GetElapsedTime(inside.Values.Min());
            }
        }
    }

    /// <summary>Completes when nobody is inside.</summary>
    public Task WhenLeftAsync()
    {
        lock (inside)
        {
            return inside.Count == 0 ? Task.CompletedTask : (left ??= new TaskCompletionSource()).Task;
        }
    }

    void Leave(long entry)
    {
        TaskCompletionSource? waiting = null;
        lock (inside)
        {
            if (inside.Remove(entry) && inside.Count == 0)
            {
                (waiting, left) = (left, null);
            }
        }
        waiting?.SetResult();
    }

    public readonly struct Entry(PoolFence fence, long number) : IDisposable
    {
        public void Dispose() => fence.Leave(number);
    }
}
