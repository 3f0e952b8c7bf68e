using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Storage;

/// <summary>The journal as it lies on the LUN, for people: no lease, whatever the SPM is doing.</summary>
static class JournalView
{
    const int ShownAnswers = 16;

    public static async Task<JournalReply> ReadAsync(PoolDomain domain, VolumeGroup text)
    {
        var reading = await JournalPlace.Of(domain).ReadAsync(text);
        var (log, state) = (reading.Log, reading.State());
        return new JournalReply(
            log?.Header.Epoch ?? 0, log?.Header.Sequence ?? 0, log?.End.OffsetBytes ?? 0, log?.Blocks.Length ?? 0, log?.Header.PredecessorEnd?.ToString(),
            log?.Blocks.LastOrDefault(block => block.Commit is not null) is { Commit: { } commit } last
                ? new JournalCommitReply(log.Header.Epoch, commit.Seqno, last != log.Unsettled || reading.LastHappened) : null,
            [.. state.Open.Select(o => new JournalOperationReply(o.Operation, Kind(o.Kind), $"{o.Volume}", o.FromBytes, o.ToBytes, o.Request?.ToString()))],
            state.KeptCount,
            [.. state.Kept.TakeLast(ShownAnswers).Select(a => new JournalAnswerReply(
                $"{a.Request}", Kind(a.Kind), $"{a.Volume}", a.Outcome == OperationOutcome.Done ? "done" : "undone"))],
            [.. reading.Damage.Select(damage => damage.ToString())]);
    }

    static string Kind(OperationKind kind) => kind switch
    {
        OperationKind.Create => "create",
        OperationKind.Remove => "remove",
        OperationKind.RemoveWiped => "remove, wiped",
        OperationKind.Extend => "extend",
        OperationKind.ExtendRaw => "extend raw",
        OperationKind.Merge => "merge",
        OperationKind.Resize => "resize",
        _ => throw new InvalidOperationException("a closed set of kinds"),
    };
}
