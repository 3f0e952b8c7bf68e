namespace OvirtSpm.Node.Api;

/// <summary>The operation journal as people and programs see it.</summary>
/// <param name="Epoch">Whose log counts; 0 when there is none yet.</param>
/// <param name="EndBytes">Where its next block goes, inside the segment.</param>
/// <param name="LastCommit">The commit that its last block belongs to.</param>
/// <param name="Open">Operations that have begun and not ended.</param>
/// <param name="KeptAnswers">Requests that are answered from the journal when they are asked again.</param>
public sealed record JournalReply(
    ulong Epoch, ulong Segment, int EndBytes, int Blocks, string? PredecessorEnd, JournalCommitReply? LastCommit,
    IReadOnlyList<JournalOperationReply> Open, int KeptAnswers, IReadOnlyList<JournalAnswerReply> LastAnswers, IReadOnlyList<string> Damage);

/// <param name="TookEffect">What the metadata text says of it.</param>
public sealed record JournalCommitReply(ulong Epoch, uint Seqno, bool TookEffect);

public sealed record JournalOperationReply(ulong Operation, string Kind, string Volume, long FromBytes, long ToBytes, string? Request);

public sealed record JournalAnswerReply(string Request, string Kind, string Volume, string Outcome);
