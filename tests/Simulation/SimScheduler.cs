using OvirtSpm.Leases;

namespace OvirtSpm.Simulation;

/// <summary>One queue for timers, I/O and messages of all hosts; the only thread there is. Time is in ticks of 100 ns.</summary>
internal sealed class SimScheduler(IChoice choice)
{
    private readonly SortedDictionary<long, List<Action>> due = [];
    private readonly int thread = Environment.CurrentManagedThreadId;

    public long NowTicks { get; private set; }

    public TimeSpan Now => TimeSpan.FromTicks(NowTicks);

    /// <summary>Something ran on another thread: the run is not deterministic and proves nothing.</summary>
    public bool Leaked { get; private set; }

    public void At(long ticks, Action act)
    {
        if (Environment.CurrentManagedThreadId != thread)
        {
            Leaked = true;
            return;
        }

        ticks = Math.Max(ticks, NowTicks);
        if (!due.TryGetValue(ticks, out var acts))
        {
            due.Add(ticks, acts = []);
        }

        acts.Add(act);
    }

    public void After(TimeSpan delay, Action act) => At(NowTicks + delay.Ticks, act);

    /// <summary>Runs until <paramref name="done"/>, or until nothing is due before <paramref name="until"/>.</summary>
    public void Run(TimeSpan until, Func<bool> done)
    {
        while (!done())
        {
            if (Leaked)
            {
                throw new InvalidOperationException("a continuation left the simulated scheduler: look for ConfigureAwait(false), Task.Run or a channel "
                    + "without AllowSynchronousContinuations");
            }

            if (due.Count == 0 || due.First() is var next && next.Key > until.Ticks)
            {
                NowTicks = Math.Max(NowTicks, until.Ticks);
                return;
            }

            (NowTicks, var acts) = next;
            var index = acts.Count == 1 ? 0 : choice.Pick(acts.Count, "next");
            var act = acts[index];
            acts.RemoveAt(index);
            if (acts.Count == 0)
            {
                due.Remove(NowTicks);
            }

            act();
        }
    }
}
