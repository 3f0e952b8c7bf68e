namespace OvirtSpm.Node.Roles;

/// <summary>R26: a host that goes to sleep ends its term, and begins none until it is awake.</summary>
/// <remarks>Passed before the lease is tried for: between "may I?" and the term nobody must be able to say "it does not lead".</remarks>
sealed class SleepGate
{
    readonly Lock guard = new();
    TaskCompletionSource? term;
    bool closed;

    /// <summary>Whoever leads looks at once: a machine that goes to sleep waits for seconds only.</summary>
    public Action Closing { get; set; } = () => { };

    public bool IsClosed
    {
        get
        {
            lock (guard)
            {
                return closed;
            }
        }
    }

    /// <returns>False: the lease must be left to others.</returns>
    public bool TryEnter()
    {
        lock (guard)
        {
            if (!closed)
            {
                term = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
            return !closed;
        }
    }

    /// <summary>The lease was not taken, or everything written under it has returned and it is given back.</summary>
    public void Leave()
    {
        lock (guard)
        {
            term?.TrySetResult();
            term = null;
        }
    }

    /// <returns>Completes when no term lasts any more.</returns>
    public Task CloseAsync()
    {
        Task ended;
        lock (guard)
        {
            closed = true;
            ended = term?.Task ?? Task.CompletedTask;
        }
        Closing();
        return ended;
    }

    public void Open()
    {
        lock (guard)
        {
            closed = false;
        }
    }
}
