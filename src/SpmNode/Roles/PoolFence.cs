using OvirtSpm.LvmMetadata;

namespace OvirtSpm.Node.Roles;

/// <summary>Epoch and deadline of one term as SPM: what every metadata write asks before it is issued.</summary>
/// <remarks>
/// The deadline is read at the moment of asking, on a clock that counts suspend; closing is one-way.
/// The margin covers the cost of getting from the question to the device.
/// </remarks>
public sealed class PoolFence(ulong epoch, Func<TimeSpan, bool> deadlineHolds, TimeSpan margin) : IWriteGuard
{
    volatile string? closedBecause;

    public ulong Epoch { get; } = epoch;

    /// <summary>Why nothing may be written any more; null while the term lasts.</summary>
    public string? ClosedBecause => closedBecause;

    // R2, R1: read the deadline itself, now; a timer that would have set a flag may not have run yet.
    public bool MayWrite() => closedBecause is null && deadlineHolds(margin);

    public void Close(string why) => Interlocked.CompareExchange(ref closedBecause, why, null);
}
