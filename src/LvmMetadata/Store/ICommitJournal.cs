using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Store;

/// <summary>Port: is told of every commit before it happens, and has its note made durable by the flush that the texts need anyway.</summary>
public interface ICommitJournal
{
    /// <param name="next">What is about to be committed.</param>
    /// <param name="textBytes">With the closing NUL.</param>
    /// <param name="places">Where its text will lie, by metadata area.</param>
    /// <returns>What is to be written before the texts; null when there is more to note than one note holds.</returns>
    CommitNoteWrite? Note(VolumeGroup next, int textBytes, uint checksum, IReadOnlyList<long> places);

    /// <summary>Follows every <see cref="Note"/>, and may come without one.</summary>
    /// <param name="tookEffect">False also when that is not known.</param>
    void Ended(bool tookEffect);
}

/// <param name="Bytes">Good until the commit has ended.</param>
public readonly record struct CommitNoteWrite(IPvArea Pv, long OffsetBytes, ReadOnlyMemory<byte> Bytes);
