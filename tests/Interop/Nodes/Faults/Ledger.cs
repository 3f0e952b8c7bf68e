using System.Collections.Concurrent;
using System.Diagnostics;
using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.Interop.Nodes.Faults;

/// <summary>Everything that was acknowledged to anybody, and what must therefore hold.</summary>
sealed class Ledger
{
    readonly ConcurrentDictionary<Guid, VolumeFact> facts = [];
    readonly ConcurrentDictionary<ulong, (uint First, uint Last)> epochs = [];
    readonly ConcurrentQueue<string> violations = [];
    readonly Stopwatch clock = Stopwatch.StartNew();
    readonly Lock guard = new();
    (ulong Epoch, uint Seqno) highest;
    TimeSpan lastAt, longestSilence;
    int acknowledged;

    public int Acknowledged => Volatile.Read(ref acknowledged);

    public IReadOnlyCollection<ulong> Epochs => [.. epochs.Keys.Order()];

    public TimeSpan LongestSilence => longestSilence;

    public IEnumerable<VolumeFact> Facts => facts.Values;

    public IReadOnlyCollection<string> Violations => violations;

    public void Violated(string what) => violations.Enqueue($"{clock.Elapsed.TotalSeconds:0.0} s: {what}");

    public void Note(VolumeFact fact) => facts[fact.Volume] = fact;

    /// <summary>The highest version anybody was told so far: taken before a question, it bounds the answer from below.</summary>
    public (ulong Epoch, uint Seqno) Highest
    {
        get
        {
            lock (guard)
            {
                return highest;
            }
        }
    }

    public void Acknowledge(VolumeFact fact, (ulong Epoch, uint Seqno)? version = null, (ulong Epoch, uint Seqno) atLeast = default)
    {
        Note(fact);
        lock (guard)
        {
            acknowledged++;
            longestSilence = clock.Elapsed - lastAt > longestSilence && lastAt > TimeSpan.Zero ? clock.Elapsed - lastAt : longestSilence;
            lastAt = clock.Elapsed;
            if (version is not { } told)
            {
                return;
            }
            if (told.CompareTo(atLeast) < 0)
            {
                Violated($"an answer of {told} to a question that was asked after the answer {atLeast}");
            }
            highest = told.CompareTo(highest) > 0 ? told : highest;
            epochs.AddOrUpdate(told.Epoch, (told.Seqno, told.Seqno), (_, range) => (Math.Min(range.First, told.Seqno), Math.Max(range.Last, told.Seqno)));
        }
    }

    /// <summary>R3: the order of seqnos agrees with the order of epochs, over everything that was acknowledged.</summary>
    public void CheckLine()
    {
        var line = epochs.OrderBy(epoch => epoch.Key).ToList();
        foreach (var (earlier, later) in line.Zip(line.Skip(1)))
        {
            if (later.Value.First <= earlier.Value.Last)
            {
                Violated($"epoch {earlier.Key} acknowledged seqno {earlier.Value.Last}, epoch {later.Key} {later.Value.First}: two lines of commits");
            }
        }
    }

    /// <param name="before">Facts as they were before the group was read; those that changed meanwhile say nothing.</param>
    public void CheckGroup(VolumeGroup group, IReadOnlyCollection<VolumeFact> before)
    {
        foreach (var fact in before)
        {
            var found = group.Find($"{fact.Volume}");
            if (fact.State == FactState.There && facts[fact.Volume].State == FactState.There && (found?.SizeBytes ?? 0) < fact.Bytes)
            {
                Violated($"{fact.Volume} was acknowledged with {fact.Bytes} bytes, {group.Version} has {found?.SizeBytes ?? 0}");
            }
            if (fact.State == FactState.Gone && found is not null)
            {
                Violated($"{fact.Volume} was deleted, {group.Version} has it");
            }
        }
    }
}
