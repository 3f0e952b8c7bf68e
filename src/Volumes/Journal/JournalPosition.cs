namespace OvirtSpm.Volumes.Journal;

/// <summary>A place in one epoch's log.</summary>
/// <param name="Sequence">Of the segment; counts on through all epochs.</param>
/// <param name="OffsetBytes">Inside the segment.</param>
public readonly record struct JournalPosition(ulong Epoch, ulong Sequence, int OffsetBytes)
{
    public override string ToString() => $"epoch {Epoch}, segment {Sequence}, byte {OffsetBytes}";
}
