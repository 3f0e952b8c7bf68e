namespace OvirtSpm.Simulation;

/// <summary>One life of a host's program: may be frozen and thawed, and ends for good when killed.</summary>
internal sealed class SimProcess(SimScheduler scheduler) : SynchronizationContext
{
    private readonly List<(SendOrPostCallback? Callback, object? State, long Setting)> waiting = [];

    public bool IsDead { get; private set; }

    public bool IsFrozen { get; private set; }

    /// <summary>When it was thawed last: what runs at that moment may have waited for any length of time.</summary>
    public long ThawedTicks { get; private set; } = -1;

    public override void Post(SendOrPostCallback callback, object? state) => scheduler.Post(this, callback, state);

    public void Post(Action act) => scheduler.At(scheduler.NowTicks, this, act);

    /// <summary>Runs code of this life: now, when thawed, or never.</summary>
    public void Deliver(Action act) => Deliver(null, act, 0);

    /// <param name="callback">Null when <paramref name="state"/> is an action.</param>
    /// <param name="setting">Of a timer; 0 for anything else.</param>
    public void Deliver(SendOrPostCallback? callback, object? state, long setting)
    {
        if (IsDead)
        {
            return;
        }

        if (IsFrozen)
        {
            waiting.Add((callback, state, setting));
            return;
        }

        var outer = Current;
        SetSynchronizationContext(this);
        try
        {
            if (callback is null)
            {
                ((Action)state!)();
            }
            else
            {
                callback(state);
            }
        }
        finally
        {
            SetSynchronizationContext(outer);
        }
    }

    public void Freeze() => IsFrozen = true;

    /// <summary>Everything that became due meanwhile is due now, in any order: a timer and the answer it waited for are a race.</summary>
    public void Thaw()
    {
        if (!IsFrozen)
        {
            return;
        }

        IsFrozen = false;
        ThawedTicks = scheduler.NowTicks;
        foreach (var (callback, state, setting) in waiting)
        {
            scheduler.Post(this, callback, state, setting);
        }

        waiting.Clear();
    }

    public void Kill()
    {
        IsDead = true;
        waiting.Clear();
    }
}
