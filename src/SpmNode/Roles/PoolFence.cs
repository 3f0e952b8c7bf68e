using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata;

namespace OvirtSpm.Node.Roles;

/// <summary>Epoch and deadline of one term as SPM: what every metadata write asks before it is issued.</summary>
/// <remarks>
/// The deadline is read at the moment of asking, on a clock that counts suspend; closing is one-way.
/// The margin covers the cost of getting from the question to the device.
/// Asking and issuing are one step: when <see cref="Close"/> returns, every write that was let through has been handed to the device.
/// </remarks>
/// <param name="confirm">R25: what the disk says of the lease now.</param>
public sealed class PoolFence(
    ulong epoch, Func<TimeSpan, bool> deadlineHolds, TimeSpan margin, TimeProvider clock, Func<ValueTask<ConfirmOutcome>>? confirm = null) : IWriteGuard
{
    readonly Lock issuing = new();
    readonly Dictionary<long, long> inside = [];
    long entries;
    volatile string? closedBecause;

    public ulong Epoch { get; } = epoch;

    /// <summary>Why nothing may be written any more; null while the term lasts.</summary>
    public string? ClosedBecause => closedBecause;

    // R2, R1: read the deadline itself, now; a timer that would have set a flag may not have run yet.
    public bool MayWrite() => closedBecause is null && deadlineHolds(margin);

    public ValueTask? Issue(Func<ValueTask> write)
    {
        lock (issuing)
        {
            return MayWrite() ? write() : null;
        }
    }

    public void Close(string why)
    {
        lock (issuing)
        {
            closedBecause ??= why;
        }
    }

    public async ValueTask<string?> ConfirmAsync()
    {
        if (closedBecause is { } closed)
        {
            // A commit of a former term that was stuck must not touch the lease of the next one.
            return closed;
        }
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

    /// <summary>Around one step of the pool's writer; disposed when the step is done.</summary>
    public Entry Enter()
    {
        lock (inside)
        {
            inside.Add(++entries, clock.GetTimestamp());
            return new Entry(this, entries);
        }
    }

    /// <summary>R27: how long the oldest step that is not done has taken; zero when none is under way.</summary>
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

    void Leave(long entry)
    {
        lock (inside)
        {
            inside.Remove(entry);
        }
    }

    public readonly struct Entry(PoolFence fence, long number) : IDisposable
    {
        public void Dispose() => fence.Leave(number);
    }
}
