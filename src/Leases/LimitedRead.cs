namespace OvirtSpm.Leases;

/// <summary>One read and its time limit: ends with whichever comes first.</summary>
/// <remarks>A host looks at its leases every second for as long as it runs: one task and one timer for each look.</remarks>
internal sealed class LimitedRead(long offsetBytes, int bytes, TimeSpan limit) : TaskCompletionSource<string?>
{
    private ITimer? timer;

    /// <returns>Null when it was read, otherwise what failed.</returns>
    public Task<string?> Begin(ILeaseArea area, Memory<byte> buffer, TimeProvider clock)
    {
        _ = ReadAsync(area, buffer);
        if (Task.IsCompleted)
        {
            return Task;
        }

        if (limit <= TimeSpan.Zero)
        {
            TookTooLong();
            return Task;
        }

        // Exchanged, not assigned: if the read returns on another thread just now, one of both sees what the other did.
        Interlocked.Exchange(ref timer, clock.CreateTimer(static read => ((LimitedRead)read!).TookTooLong(), this, limit, Timeout.InfiniteTimeSpan));
        if (Task.IsCompleted)
        {
            timer!.Dispose();
        }

        return Task;
    }

    private async Task ReadAsync(ILeaseArea area, Memory<byte> buffer)
    {
        try
        {
            await area.ReadAsync(offsetBytes, buffer);
            timer?.Dispose();
            TrySetResult(null);
        }
        catch (IOException failure)
        {
            // A value: whoever stopped waiting would otherwise leave an exception that nobody observes.
            timer?.Dispose();
            TrySetResult(failure.Message);
        }
        catch (Exception broken)
        {
            TrySetException(broken);
        }
    }

    private void TookTooLong()
    {
        timer?.Dispose();
        TrySetResult(FormattableString.Invariant($"reading {bytes} bytes at {offsetBytes} took longer than {limit.TotalSeconds:0.###} s"));
    }
}
