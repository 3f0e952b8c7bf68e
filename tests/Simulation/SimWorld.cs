using OvirtSpm.Simulation.Choices;

namespace OvirtSpm.Simulation;

/// <summary>What every simulated world has: one seed, one scheduler, a trace that must be the same twice, and the first failure.</summary>
internal abstract class SimWorld
{
    private const int LinesKept = 60;
    private readonly Queue<TraceLine> lastLines = [];
    private ulong traceHash = 14695981039346656037;

    protected SimWorld(ulong seed)
    {
        Seed = seed;
        Choice = new SeededChoice(seed);
        Scheduler = new SimScheduler(Choice);
    }

    public ulong Seed { get; }

    public SeededChoice Choice { get; }

    public SimScheduler Scheduler { get; }

    public string? Failure { get; private set; }

    /// <summary>Of everything that landed and was said, with its time: two runs of one seed must agree.</summary>
    public string TraceHash => traceHash.ToString("x16");

    /// <summary>Told about every line, for whoever wants to read along.</summary>
    public Action<TraceLine>? Traced { get; set; }

    public IReadOnlyCollection<TraceLine> LastLines => lastLines;

    /// <summary>The expression that makes this world again.</summary>
    protected abstract string Replay { get; }

    public void RunFor(TimeSpan time)
    {
        Scheduler.Run(Scheduler.Now + time, Check);
        ThrowIfFailed();
    }

    /// <param name="host">0: nobody's.</param>
    public void Trace(int host, string text)
    {
        Hash((ulong)Scheduler.NowTicks);
        Hash((ulong)host);
        foreach (var letter in text)
        {
            Hash(letter);
        }

        var line = new TraceLine(Scheduler.Now, host, text);
        Traced?.Invoke(line);
        lastLines.Enqueue(line);
        if (lastLines.Count > LinesKept)
        {
            lastLines.Dequeue();
        }
    }

    public void Fail(string what) => Failure ??= what;

    /// <summary>Bytes that landed: part of the trace's hash, not of what people read.</summary>
    protected void Note(int host, long offset, ReadOnlySpan<byte> bytes)
    {
        Hash((ulong)Scheduler.NowTicks);
        Hash(((ulong)host << 56) ^ (ulong)offset);
        foreach (var word in System.Runtime.InteropServices.MemoryMarshal.Cast<byte, ulong>(bytes[..Math.Min(bytes.Length, 128)]))
        {
            Hash(word);
        }
    }

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

    private void Hash(ulong word) => traceHash = (traceHash ^ word) * 1099511628211;

    private void ThrowIfFailed()
    {
        if (Failure is not null)
        {
            throw new SimulationFailure(Failure, $"seed {Seed}: {Failure}\nreplay: {Replay}\n{string.Join('\n', lastLines)}");
        }
    }
}
