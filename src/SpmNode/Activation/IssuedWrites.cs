namespace OvirtSpm.Node.Activation;

/// <summary>Counts what has been given to devices and has not come back. Once closed, nothing more begins.</summary>
internal sealed class IssuedWrites
{
    readonly Lock guard = new();
    // Completed outside the lock, and where the last write ends: a thread of its own could not be replayed by a simulation.
    readonly TaskCompletionSource drained = new();
    int count;
    bool closed;

    public int Count
    {
        get
        {
            lock (guard)
            {
                return count;
            }
        }
    }

    public bool TryBegin()
    {
        lock (guard)
        {
            count += closed ? 0 : 1;
            return !closed;
        }
    }

    public void End()
    {
        bool last;
        lock (guard)
        {
            last = --count == 0 && closed;
        }

        if (last)
        {
            drained.TrySetResult();
        }
    }

    /// <returns>Completes when the last one has returned.</returns>
    public Task Close()
    {
        bool none;
        lock (guard)
        {
            closed = true;
            none = count == 0;
        }

        if (none)
        {
            drained.TrySetResult();
        }

        return drained.Task;
    }
}
