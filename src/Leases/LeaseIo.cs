namespace OvirtSpm.Leases;

/// <summary>Lease I/O with a time limit. What took too long counts as failed, but it is not undone: it is counted until it returns.</summary>
/// <remarks>
/// Nothing takes an issued I/O back. A write given up on may land at any later time, so nothing may be given away while one is out (R8),
/// and a sector is never written again while an earlier write to it is out: the two could land in the wrong order.
/// </remarks>
internal sealed class LeaseIo(ILeaseArea area, TimeProvider clock, OutstandingWrites outstanding)
{
    /// <returns>Null when it was read, otherwise what failed. After a time-out the buffer belongs to the device: never touch it again.</returns>
    public ValueTask<string?> ReadAsync(long offsetBytes, Memory<byte> buffer, TimeSpan limit) =>
        new(new LimitedRead(offsetBytes, buffer.Length, limit).Begin(area, buffer, clock));

    /// <param name="data">Handed over: must not be changed afterwards.</param>
    public PendingWrite Write(long offsetBytes, ReadOnlyMemory<byte> data)
    {
        outstanding.Issued();
        return new PendingWrite(this, offsetBytes, WriteCountedAsync(offsetBytes, data));
    }

    /// <returns>False when <paramref name="io"/> is still running after <paramref name="limit"/>.</returns>
    public async ValueTask<bool> WithinAsync(Task io, TimeSpan limit)
    {
        if (io.IsCompleted)
        {
            return true;
        }

        if (limit <= TimeSpan.Zero)
        {
            return false;
        }

        try
        {
            await io.WaitAsync(limit, clock);
            return true;
        }
        catch (TimeoutException)
        {
            return io.IsCompleted;
        }
    }

    // A failure is a value here: whoever stopped waiting for an I/O would otherwise leave an exception that nobody observes.
    private async Task<IOException?> WriteCountedAsync(long offsetBytes, ReadOnlyMemory<byte> data)
    {
        try
        {
            await area.WriteAsync(offsetBytes, data);
            return null;
        }
        catch (IOException failure)
        {
            return failure;
        }
        finally
        {
            outstanding.Returned();
        }
    }
}
