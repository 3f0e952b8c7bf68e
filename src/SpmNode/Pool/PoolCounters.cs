using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.Node.Pool;

/// <summary>What the writer did, counted for status, metrics and the demo's summary.</summary>
sealed class PoolCounters
{
    long commits, requests, foreignWrites, staleWrites;

    public long Commits => Interlocked.Read(ref commits);

    public long Requests => Interlocked.Read(ref requests);

    public long ForeignWrites => Interlocked.Read(ref foreignWrites);

    /// <summary>R6: stale writes of a former SPM that were found and replaced from memory.</summary>
    public long StaleWrites => Interlocked.Read(ref staleWrites);

    /// <summary>Called after every acknowledged commit: requests in it, time from taking them to durable.</summary>
    public Action<int, TimeSpan>? OnCommit { get; init; }

    public Action? OnForeignWrite { get; init; }

    /// <summary>Told what was found.</summary>
    public Action<string>? OnStaleWrite { get; init; }

    /// <summary>A commit whose outcome is not known (R1).</summary>
    public Action? OnUnknown { get; init; }

    /// <summary>An extend was answered: <c>done</c>, or the refusal's code.</summary>
    public Action<string>? OnExtend { get; init; }

    public Action? OnTakeover { get; init; }

    /// <summary>The group as it is, after each commit and each scrub.</summary>
    public Action<VolumeGroup>? OnGroup { get; init; }

    public void Committed(int requestCount, TimeSpan duration)
    {
        Interlocked.Increment(ref commits);
        Interlocked.Add(ref requests, requestCount);
        OnCommit?.Invoke(requestCount, duration);
    }

    public void ForeignWrite()
    {
        Interlocked.Increment(ref foreignWrites);
        OnForeignWrite?.Invoke();
    }

    public void StaleWrite(string found)
    {
        Interlocked.Increment(ref staleWrites);
        OnStaleWrite?.Invoke(found);
    }

    public void Unknown() => OnUnknown?.Invoke();

    public void Extended(string outcome) => OnExtend?.Invoke(outcome);

    public void Saw(VolumeGroup group) => OnGroup?.Invoke(group);

    public void TookOver() => OnTakeover?.Invoke();
}
