namespace OvirtSpm.Volumes.Journal;

/// <summary>R6b, R24: the metadata text that a block was written beside.</summary>
/// <param name="SizeBytes">With its closing NUL.</param>
/// <param name="Checksum">As its header names it.</param>
/// <param name="FirstPlace">Where it begins in the first used metadata area.</param>
/// <param name="SecondPlace">And in the second.</param>
public readonly record struct CommitNote(uint Seqno, int SizeBytes, uint Checksum, long FirstPlace, long SecondPlace);
