using System.Collections.Immutable;

namespace OvirtSpm.Volumes.Journal;

/// <summary>What a block of the journal says. A closed set; the numbers on disk are in <see cref="JournalRecordCodec"/>.</summary>
public abstract record JournalRecord
{
    private JournalRecord()
    {
    }

    /// <summary>An operation that needs more than one write has begun: until it has ended, a successor brings it to an end.</summary>
    /// <param name="Operation">Its number in this journal.</param>
    /// <param name="Request">Who waits for it; null when the caller named no id.</param>
    /// <param name="FromBytes">Raw extend: what the disk had. Otherwise 0.</param>
    /// <param name="ToBytes">Absolute; 0 for a removal.</param>
    public sealed record Begun(ulong Operation, OperationKind Kind, RequestId? Request, Guid Volume, long FromBytes, long ToBytes) : JournalRecord;

    public sealed record Ended(ulong Operation, OperationOutcome Outcome) : JournalRecord;

    /// <summary>R24: what became of a request, for whoever asks again.</summary>
    public sealed record Answered(RequestId Request, OperationKind Kind, Guid Volume, OperationOutcome Outcome) : JournalRecord;

    /// <summary>R24: of this asker no id up to this counter can be told any more.</summary>
    public sealed record Forgotten(int Host, Guid Life, ulong Counter) : JournalRecord;

    /// <summary>R6b: a volume got extents, in the commit of this block. Absolute places, so that they can be given again.</summary>
    /// <param name="Lv">The LV's own uuid, 32 characters.</param>
    /// <param name="BeforeExtents">0 for a new volume.</param>
    /// <param name="Tags">Of a new volume, or when they changed; null otherwise.</param>
    public sealed record Granted(string Name, string Lv, long BeforeExtents, ImmutableArray<GrantedRun> Runs, EquatableList<string>? Tags) : JournalRecord
    {
        public bool Equals(Granted? other) =>
            other is not null && Name == other.Name && Lv == other.Lv && BeforeExtents == other.BeforeExtents && Runs.AsSpan().SequenceEqual(other.Runs.AsSpan())
            && Tags.Equals(other.Tags);

        public override int GetHashCode() => HashCode.Combine(Name, Lv, BeforeExtents, Runs.Length);
    }

    /// <summary>R6b: a volume's extents became free.</summary>
    /// <param name="LeftExtents">0 when the volume is gone.</param>
    public sealed record Freed(string Name, string Lv, long LeftExtents) : JournalRecord;
}

/// <summary>Extents beside each other on one physical volume of the group, by its place in the text.</summary>
public readonly record struct GrantedRun(int Device, long Start, long Count);
