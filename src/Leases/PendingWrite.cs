namespace OvirtSpm.Leases;

/// <summary>A lease write that was issued: done, failed, or still out and able to land.</summary>
internal sealed class PendingWrite(LeaseIo io, long offsetBytes, Task<IOException?> returned)
{
    public bool HasReturned => returned.IsCompleted;

    /// <summary>Waits for it; may be called again after a time-out.</summary>
    /// <returns>Null when it is durable, otherwise what failed.</returns>
    public async ValueTask<string?> WithinAsync(TimeSpan limit) => await io.WithinAsync(returned, limit)
        ? (await returned)?.Message
        : FormattableString.Invariant($"the write at {offsetBytes} took longer than {limit.TotalSeconds:0.###} s and may still land");
}
