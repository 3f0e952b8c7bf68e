using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Pool.Recovery;

/// <summary>How one kind of operation that nobody attends to any more is brought to its end.</summary>
/// <remarks>
/// Judged from the volume as it is now, never from how far the operation is believed to have come: each step may have happened or not, and
/// the rule itself may have been interrupted before. Trying again is harmless.
/// </remarks>
interface IRecoveryRule
{
    OperationKind Kind { get; }

    /// <exception cref="Refusal">It cannot end now; it stays open and is tried again.</exception>
    /// <exception cref="IOException">As above.</exception>
    Task<OperationOutcome> EndAsync(JournalRecord.Begun operation);
}
