using System.Diagnostics;
using OvirtSpm.Simulation.Pool;

namespace OvirtSpm.Simulation.Campaigns;

/// <summary>Many seeds, one world per thread at a time, until all are done or one fails.</summary>
/// <param name="budget">No further seed is begun after this; null: no limit.</param>
internal sealed class Campaign(ulong firstSeed, int seeds, int hosts = 3, TimeSpan? budget = null)
{
    private readonly Stopwatch clock = Stopwatch.StartNew();
    private readonly Lock guard = new();
    private long next = -1;

    public int Done { get; private set; }

    public TimeSpan VirtualTime { get; private set; }

    public long Events { get; private set; }

    public SortedDictionary<string, int> SeedsWith { get; } = new(StringComparer.Ordinal);

    /// <summary>The lowest seed that failed, and the checker's words.</summary>
    public (ulong Seed, string Verdict)? Failure { get; private set; }

    public void Run(int threads)
    {
        var workers = Enumerable.Range(0, threads).Select(_ => new Thread(Work, maxStackSize: 16 << 20)).ToList();
        workers.ForEach(worker => worker.Start());
        workers.ForEach(worker => worker.Join());
    }

    private void Work()
    {
        while (Interlocked.Increment(ref next) is var index && index < seeds && Failure is null && !(clock.Elapsed > budget))
        {
            var seed = firstSeed + (ulong)index;
            var run = new PoolRun(seed, hosts);
            string? verdict = null;
            try
            {
                run.Run();
            }
            catch (SimulationFailure failure)
            {
                verdict = failure.Verdict;
            }

            lock (guard)
            {
                Add(seed, run.World, verdict);
            }
        }
    }

    private void Add(ulong seed, PoolWorld world, string? verdict)
    {
        Done++;
        VirtualTime += world.Scheduler.Now;
        Events += world.Scheduler.Events;
        foreach (var (name, met) in world.Stats.Met(world))
        {
            SeedsWith[name] = SeedsWith.GetValueOrDefault(name) + (met ? 1 : 0);
        }

        if (verdict is not null && !(Failure?.Seed < seed))
        {
            Failure = (seed, verdict);
        }
    }
}
