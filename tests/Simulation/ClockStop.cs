namespace OvirtSpm.Simulation;

/// <summary>How long all clocks of one machine have stood still, as when a hypervisor pauses it: no program on it can know.</summary>
internal sealed class ClockStop(SimScheduler scheduler)
{
    private readonly List<Action> waiting = [];
    private long? since;

    public bool IsStopped => since is not null;

    /// <summary>Of the world's ticks that went by, so many were none of this machine's.</summary>
    public long TotalTicks { get; private set; }

    public void Begin() => since ??= scheduler.NowTicks;

    public void End()
    {
        if (since is not { } began)
        {
            return;
        }

        (since, TotalTicks) = (null, TotalTicks + scheduler.NowTicks - began);
        var due = waiting.ToList();
        waiting.Clear();
        due.ForEach(act => act());
    }

    /// <summary>At once, or when the clocks go on.</summary>
    public void WhenGoing(Action act)
    {
        if (IsStopped)
        {
            waiting.Add(act);
        }
        else
        {
            act();
        }
    }
}
