using OvirtSpm.Node.Activation.Nbd;

namespace OvirtSpm.Node.Activation;

/// <summary>The writes of one volume that wait for it to grow, and the one question to the SPM they share.</summary>
internal sealed class HeldWrites(IGrowthRequests growth, VolumeExportOptions options, TimeProvider clock, ExportMetrics? metrics)
{
    readonly Lock guard = new();
    readonly List<Waiter> waiting = [];
    readonly CancellationTokenSource stop = new();
    long allocatedBytes;
    long? fullSince;
    bool asking;
    bool closed;

    public int Count
    {
        get
        {
            lock (guard)
            {
                return waiting.Count;
            }
        }
    }

    /// <summary>Waits until the volume has <paramref name="endBytes"/>.</summary>
    /// <returns>None: go on. NoSpace: the limit passed or the pool is full. ShuttingDown: the volume is being deactivated.</returns>
    public async ValueTask<NbdError> WaitAsync(long endBytes, CancellationToken gone)
    {
        var waiter = new Waiter(endBytes);
        var ask = false;
        lock (guard)
        {
            // The table may have grown between the caller's look and this line; nobody would wake us again.
            if (endBytes <= allocatedBytes)
            {
                return NbdError.None;
            }

            if (closed)
            {
                return NbdError.ShuttingDown;
            }

            if (fullSince is { } since && clock.GetElapsedTime(since) < options.PoolFullMemory)
            {
                return NbdError.NoSpace;
            }

            fullSince = null;
            waiting.Add(waiter);
            ask = !asking;
            asking = true;
        }

        var start = clock.GetTimestamp();
        if (ask)
        {
            _ = AskAsync();
        }

        var outcome = "gone";
        // The waiter itself is awaited: WaitAsync on it would go on by a thread of its own choosing, which no simulation can replay.
        using var left = gone.Register(() => waiter.Done.TrySetCanceled(gone));
        // R31: well before the guest's own patience ends.
        using var limit = clock.CreateTimer(_ => waiter.Done.TrySetResult(null), null, options.HoldLimit, Timeout.InfiniteTimeSpan);
        try
        {
            var error = await waiter.Done.Task;
            outcome = error switch { null => "limit", NbdError.None => "grown", NbdError.NoSpace => "full", _ => "deactivated" };
            return error ?? NbdError.NoSpace;
        }
        finally
        {
            lock (guard)
            {
                waiting.Remove(waiter);
            }

            metrics?.Held(clock.GetElapsedTime(start), outcome);
        }
    }

    /// <summary>The table has been swapped already: whoever is let go finds its extents.</summary>
    public void Grown(long bytes)
    {
        lock (guard)
        {
            allocatedBytes = bytes;
            fullSince = null;
            Finish(waiter => waiter.EndBytes <= bytes, NbdError.None);
        }
    }

    /// <summary>Nothing of what waits was issued; it all ends now.</summary>
    public void Close()
    {
        lock (guard)
        {
            closed = true;
            Finish(_ => true, NbdError.ShuttingDown);
        }

        stop.Cancel();
    }

    async Task AskAsync()
    {
        while (true)
        {
            long wanted;
            lock (guard)
            {
                if (waiting.Count == 0 || closed)
                {
                    asking = false;
                    return;
                }

                wanted = waiting.Max(waiter => waiter.EndBytes);
            }

            var answer = await AskOnceAsync(wanted);
            bool satisfied;
            lock (guard)
            {
                if (answer == GrowthAnswer.PoolFull)
                {
                    fullSince = clock.GetTimestamp();
                    Finish(_ => true, NbdError.NoSpace);
                }

                satisfied = allocatedBytes >= wanted;
            }

            // What arrived meanwhile and wants more is asked for at once; what was refused or not yet loaded, a little later.
            if (!satisfied && answer != GrowthAnswer.PoolFull)
            {
                try
                {
                    await Task.Delay(options.AskAgainAfter, clock, stop.Token);
                }
                catch (OperationCanceledException)
                {
                }
            }
        }
    }

    async Task<GrowthAnswer> AskOnceAsync(long wanted)
    {
        try
        {
            // An SPM that never answers must not stop later writes from asking.
            return await growth.AskAsync(wanted, stop.Token).WaitAsync(options.HoldLimit, clock, stop.Token);
        }
        catch (Exception)
        {
            // Whatever it was, the writes still wait and the limit still ends them; whoever answers logs its own failures.
            return GrowthAnswer.Later;
        }
    }

    void Finish(Func<Waiter, bool> which, NbdError with)
    {
        foreach (var waiter in waiting.Where(which).ToList())
        {
            waiting.Remove(waiter);
            waiter.Done.TrySetResult(with);
        }
    }

    sealed class Waiter(long endBytes)
    {
        public long EndBytes { get; } = endBytes;

        /// <summary>Null: the limit passed.</summary>
        public TaskCompletionSource<NbdError?> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
