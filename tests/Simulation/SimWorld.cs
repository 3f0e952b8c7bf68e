using System.Security.Cryptography;
using System.Text;
using OvirtSpm.Leases;
using OvirtSpm.Simulation.Choices;

namespace OvirtSpm.Simulation;

/// <summary>What every simulated world has: one seed, one scheduler, a trace that must be the same twice, and the first failure.</summary>
internal abstract class SimWorld
{
    private const int LinesKept = 60;
    private readonly IncrementalHash trace = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly Queue<string> lastLines = [];

    protected SimWorld(ulong seed)
    {
        Seed = seed;
        Choice = new SeededChoice(seed);
        Scheduler = new SimScheduler(Choice);
    }

    public ulong Seed { get; }

    public IChoice Choice { get; }

    public SimScheduler Scheduler { get; }

    public string? Failure { get; private set; }

    public string TraceHash => Convert.ToHexString(trace.GetCurrentHash());

    /// <summary>The expression that makes this world again.</summary>
    protected abstract string Replay { get; }

    public void RunFor(TimeSpan time)
    {
        Scheduler.Run(Scheduler.Now + time, Check);
        ThrowIfFailed();
    }

    public void Trace(string line)
    {
        var text = FormattableString.Invariant($"{Scheduler.Now.TotalSeconds,12:0.000000} {line}");
        trace.AppendData(Encoding.UTF8.GetBytes(text));
        lastLines.Enqueue(text);
        if (lastLines.Count > LinesKept)
        {
            lastLines.Dequeue();
        }
    }

    public void Fail(string what) => Failure ??= what;

    /// <summary>Runs until <paramref name="done"/>; fails when that takes longer than <paramref name="limit"/> of the world's time.</summary>
    protected void RunUntil(Func<bool> done, TimeSpan limit, string what)
    {
        Scheduler.Run(Scheduler.Now + limit, () => Check() || done());
        if (Failure is null && !done())
        {
            Fail($"Progress: {what} did not happen within {limit.TotalSeconds:0.#} s");
        }

        ThrowIfFailed();
    }

    /// <summary>Everything that must hold after every event.</summary>
    /// <returns>Whether the world has failed.</returns>
    protected abstract bool Check();

    private void ThrowIfFailed()
    {
        if (Failure is not null)
        {
            throw new SimulationFailure($"seed {Seed}: {Failure}\nreplay: {Replay}\n{string.Join('\n', lastLines)}");
        }
    }
}
