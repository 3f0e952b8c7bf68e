using System.Collections.Concurrent;
using System.Collections.Frozen;
using OvirtSpm.Node.Roles;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Pool.Recovery;

/// <summary>C8: brings to an end what a former SPM left open, and what a verb of this one had to leave.</summary>
/// <remarks>
/// Runs beside the requests, in the same term: the volumes it is about refuse what would get in its way (a mark, a map entry, a lock per
/// volume). What must wait for a host's map entry is tried again until that host is back, or confirmed dead (R11).
/// </remarks>
sealed class OperationRecovery(SpmTerm term, IEnumerable<IRecoveryRule> rules, TimeProvider clock, Action<string> log)
{
    static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(2);

    readonly FrozenDictionary<OperationKind, IRecoveryRule> rules = rules.ToFrozenDictionary(rule => rule.Kind);
    readonly ConcurrentDictionary<ulong, string> waitsFor = [];

    /// <summary>For as long as the term lasts.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        var look = Signal();
        term.Journal.Abandoned = () => Volatile.Read(ref look).TrySetResult();
        using var ending = stop.Register(() => Volatile.Read(ref look).TrySetResult());
        var underWay = new List<Task>();
        while (!stop.IsCancellationRequested && term.Fence.ClosedBecause is null)
        {
            // Renewed before looking: what is left behind meanwhile is looked at in the next round.
            Volatile.Write(ref look, Signal());
            underWay.RemoveAll(task => task.IsCompleted);
            underWay.AddRange(Begin(stop));
            if (term.Journal.Open.IsEmpty && !stop.IsCancellationRequested)
            {
                await look.Task;
            }
            else
            {
                await Pause.ForAsync(RetryInterval, clock, stop);
            }
        }
        await Task.WhenAll(underWay);
    }

    /// <summary>Every open operation that nobody attends to, once.</summary>
    public Task TryAllAsync(CancellationToken stop) => Task.WhenAll(Begin(stop));

    /// <summary>Beside each other: one may copy for hours.</summary>
    List<Task> Begin(CancellationToken stop) =>
        [.. term.Journal.Open.Where(operation => !stop.IsCancellationRequested && term.Journal.TryAttend(operation)).Select(TryAsync)];

    async Task TryAsync(JournalRecord.Begun operation)
    {
        try
        {
            var outcome = await rules[operation.Kind].EndAsync(operation);
            log($"{Describe(operation)} was left open and is {(outcome == OperationOutcome.Done ? "done" : "taken back")}");
            waitsFor.TryRemove(operation.Operation, out _);
        }
        catch (Exception later)
        {
            // Whatever it is: one operation that cannot be ended must not cost the pool its SPM, this one and every next.
            var why = later is Refusal or IOException ? later.Message : $"{later.GetType().Name}: {later.Message}";
            if (term.Fence.ClosedBecause is null && waitsFor.GetValueOrDefault(operation.Operation) != why)
            {
                waitsFor[operation.Operation] = why;
                log($"{Describe(operation)} was left open and waits: {why}");
            }
        }
        finally
        {
            term.Journal.Leave(operation);
        }
    }

    static TaskCompletionSource Signal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    static string Describe(JournalRecord.Begun operation) => operation.Kind switch
    {
        OperationKind.Create => $"the creation of volume {operation.Volume}",
        OperationKind.Remove or OperationKind.RemoveWiped => $"the removal of volume {operation.Volume}",
        OperationKind.Merge => $"the merge of volume {operation.Volume}",
        OperationKind.Resize => $"the resize of volume {operation.Volume}",
        _ => $"the extend of volume {operation.Volume}",
    };
}
