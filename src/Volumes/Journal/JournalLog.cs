using System.Collections.Immutable;

namespace OvirtSpm.Volumes.Journal;

/// <summary>A place of the journal that is not believed, and why.</summary>
public sealed record JournalDamage(int Segment, int OffsetBytes, RecordError Error)
{
    public override string ToString() => $"journal segment {Segment}, byte {OffsetBytes}: {Explanation.Of(Error)}";
}

/// <summary>One segment as far as it can be believed.</summary>
/// <param name="Blocks">In order. The first one is whole: it needs nothing from before.</param>
/// <param name="End">Where the next block would go, or did and was torn.</param>
/// <param name="Damage">Blocks that lie before others of the same log and cannot be read.</param>
public sealed record JournalLog(SegmentHeader Header, ImmutableArray<JournalBlock> Blocks, JournalPosition End, ImmutableArray<JournalDamage> Damage)
{
    /// <param name="segment">All its bytes.</param>
    /// <param name="limitBytes">R18: where a successor found its end; what lies behind landed later and is void.</param>
    /// <remarks>
    /// A block that is not believed is the end, a torn one or what was there before, unless a later block of the same log follows: then it
    /// was damaged. Late writes of others cannot look like one: position and epoch are under the checksum.
    /// </remarks>
    public static JournalLog Read(ReadOnlySpan<byte> segment, SegmentHeader header, int sectorSize, int? limitBytes = null)
    {
        var blocks = ImmutableArray.CreateBuilder<JournalBlock>();
        var damage = ImmutableArray.CreateBuilder<JournalDamage>();
        var (end, limit) = (sectorSize, Math.Min(limitBytes ?? segment.Length, segment.Length));
        JournalDamage? doubtful = null;
        for (var at = sectorSize; at < limit;)
        {
            var position = new JournalPosition(header.Epoch, header.Sequence, at);
            var error = JournalBlock.TryParse(segment[..limit], header.Pool, position, sectorSize, out var block);
            if (block is null)
            {
                doubtful ??= new JournalDamage(header.Index, at, error);
                at += sectorSize;
                continue;
            }

            if (doubtful is not null)
            {
                damage.Add(doubtful);
                doubtful = null;
            }

            blocks.Add(block);
            end = at += block.SizeBytes;
        }

        if (doubtful?.Error is RecordError.UnknownVersion or RecordError.BadField)
        {
            // Neither torn nor old: somebody wrote this on purpose.
            damage.Add(doubtful);
        }

        return new JournalLog(header, blocks.ToImmutable(), new JournalPosition(header.Epoch, header.Sequence, end), damage.ToImmutable());
    }

    /// <summary>The opening block made it to the device: this segment stands for all before it.</summary>
    public bool IsOpened => Blocks is [{ IsWhole: true }, ..];

    /// <summary>The last block, when only the text can say whether its commit took effect; null when all of them did.</summary>
    public JournalBlock? Unsettled => Blocks is [.., { Commit: not null } last] ? last : null;

    /// <param name="lastHappened">What the text said of <see cref="Unsettled"/>.</param>
    public JournalState State(bool lastHappened)
    {
        var state = new JournalState();
        var unsettled = Unsettled;
        foreach (var block in Blocks)
        {
            state.NumbersUsed(block.LastOperation);
            // What is carried over stands before what the commit itself brought, and does not depend on it.
            foreach (var record in block == unsettled && !lastHappened ? block.Records.Take(block.CarriedRecords) : block.Records)
            {
                state.Apply(record);
            }
        }

        return state;
    }
}
