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
    readonly Dictionary<ulong, string> waitsFor = [];

    /// <summary>For as long as the term lasts.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        var look = Signal();
        term.Journal.Abandoned = () => Volatile.Read(ref look).TrySetResult();
        using var ending = stop.Register(() => Volatile.Read(ref look).TrySetResult());
        while (!stop.IsCancellationRequested && term.Fence.ClosedBecause is null)
        {
            // Renewed before looking: what is left behind meanwhile is looked at in the next round.
            Volatile.Write(ref look, Signal());
            await TryAllAsync(stop);
            if (term.Journal.Open.IsEmpty && !stop.IsCancellationRequested)
            {
                await look.Task;
            }
            else
            {
                await Pause.ForAsync(RetryInterval, clock, stop);
            }
        }
    }

    /// <summary>Every open operation that nobody attends to, once.</summary>
    public async Task TryAllAsync(CancellationToken stop)
    {
        foreach (var operation in term.Journal.Open)
        {
            if (!stop.IsCancellationRequested && term.Journal.TryAttend(operation))
            {
                try
                {
                    await TryAsync(operation);
                }
                finally
                {
                    term.Journal.Leave(operation);
                }
            }
        }
    }

    async Task TryAsync(JournalRecord.Begun operation)
    {
        try
        {
            var outcome = await rules[operation.Kind].EndAsync(operation);
            log($"{Describe(operation)} was left open and is {(outcome == OperationOutcome.Done ? "done" : "taken back")}");
            waitsFor.Remove(operation.Operation);
        }
        catch (Exception later) when (later is Refusal or IOException)
        {
            if (term.Fence.ClosedBecause is null && waitsFor.GetValueOrDefault(operation.Operation) != later.Message)
            {
                waitsFor[operation.Operation] = later.Message;
                log($"{Describe(operation)} was left open and waits: {later.Message}");
            }
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
