using System.Collections.Immutable;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Volumes.Tests.Journal;

/// <summary>A journal's region in memory, its writers, and the metadata text that says which commits took effect.</summary>
internal sealed class RingDisk(int sectorSize, int segments = 8)
{
    public static readonly Guid Pool = Guid.Parse("99999999-2222-4333-8444-555555555555");

    public JournalGeometry Geometry { get; } = new(new Region(4096, (long)segments * JournalGeometry.SegmentBytes), sectorSize);

    public byte[] Bytes { get; } = new byte[4096 + ((long)segments * JournalGeometry.SegmentBytes)];

    /// <summary>The newest text.</summary>
    public (ulong Epoch, uint Seqno) Text { get; set; } = (1, 1);

    public JournalReading Read() => JournalReading.ReadAsync(
        Geometry,
        [.. Enumerable.Range(0, segments).Select(index =>
        {
            var error = SegmentHeader.TryParse(Bytes.AsSpan((int)Geometry.OffsetOf(index), sectorSize), Pool, index, out var header);
            return new SegmentGlance(index, header, error);
        })],
        index => ValueTask.FromResult<ReadOnlyMemory<byte>>(Bytes.AsMemory((int)Geometry.OffsetOf(index), JournalGeometry.SegmentBytes)),
        block => Text.CompareTo((block.Position.Epoch, block.Commit!.Value.Seqno)) >= 0).Result;

    public JournalWriter Begin(ulong epoch) => new(Geometry, Pool, epoch, Read());

    /// <summary>The takeover's commit.</summary>
    public JournalWriter TakeOver(ulong epoch)
    {
        var writer = Begin(epoch);
        Commit(writer, epoch);
        return writer;
    }

    /// <summary>Journal and text, durable.</summary>
    public void Commit(JournalWriter writer, ulong epoch, params ImmutableArray<JournalRecord> records)
    {
        var seqno = Text.Seqno + (epoch == Text.Epoch ? 1 : 2 * (uint)(epoch - Text.Epoch));
        Land(writer.Next(new CommitNote(seqno, 100, 7, 512, 1024), records)!.Value);
        Text = (epoch, seqno);
        writer.TookEffect();
    }

    /// <summary>The journal's write landed, the text's header did not.</summary>
    public void CrashBeforeHeader(JournalWriter writer, params ImmutableArray<JournalRecord> records) =>
        Land(writer.Next(new CommitNote(Text.Seqno + 1, 100, 7, 512, 1024), records)!.Value);

    public void Land((long OffsetBytes, ReadOnlyMemory<byte> Bytes) write) => write.Bytes.Span.CopyTo(Bytes.AsSpan((int)write.OffsetBytes));
}
