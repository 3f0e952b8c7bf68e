namespace OvirtSpm.Simulation;

/// <summary>One life of a host's program: may be frozen and thawed, and ends for good when killed.</summary>
internal sealed class SimProcess(SimScheduler scheduler) : SynchronizationContext
{
    private readonly List<Action> waiting = [];

    public bool IsDead { get; private set; }

    public bool IsFrozen { get; private set; }

    public override void Post(SendOrPostCallback callback, object? state) => scheduler.At(scheduler.NowTicks, () => Deliver(() => callback(state)));

    /// <summary>Runs code of this life: now, when thawed, or never.</summary>
    public void Deliver(Action act)
    {
        if (IsDead)
        {
            return;
        }

        if (IsFrozen)
        {
            waiting.Add(act);
            return;
        }

        var outer = Current;
        SetSynchronizationContext(this);
        try
        {
            act();
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
        IsFrozen = false;
        foreach (var act in waiting)
        {
            scheduler.At(scheduler.NowTicks, () => Deliver(act));
        }

        waiting.Clear();
    }

    public void Kill()
    {
        IsDead = true;
        waiting.Clear();
    }
}
