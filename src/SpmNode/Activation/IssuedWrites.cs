namespace OvirtSpm.Node.Activation;

/// <summary>Counts what has been given to devices and has not come back. Once closed, nothing more begins.</summary>
internal sealed class IssuedWrites
{
    readonly Lock guard = new();
    readonly TaskCompletionSource drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
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
        lock (guard)
        {
            if (--count == 0 && closed)
            {
                drained.TrySetResult();
            }
        }
    }

    /// <returns>Completes when the last one has returned.</returns>
    public Task Close()
    {
        lock (guard)
        {
            closed = true;
            if (count == 0)
            {
                drained.TrySetResult();
            }
        }

        return drained.Task;
    }
}
