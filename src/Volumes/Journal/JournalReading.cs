using System.Collections.Immutable;

namespace OvirtSpm.Volumes.Journal;

/// <summary>One segment of the ring at a glance.</summary>
/// <param name="Header">Null when it is not believed.</param>
/// <param name="Error">Empty for a segment that was never used.</param>
public readonly record struct SegmentGlance(int Index, SegmentHeader? Header, RecordError Error);

/// <summary>What the journal says to somebody who begins to write it, or only looks.</summary>
/// <param name="Log">The log that counts; null when there is none yet.</param>
/// <param name="LastHappened">What the metadata text said of the log's last commit.</param>
/// <param name="Damage">What is not believed, of all that was looked at.</param>
/// <param name="Before">The same epoch's segment before the log's: for its commits only.</param>
public sealed record JournalReading(
    ImmutableArray<SegmentGlance> Segments, JournalLog? Log, bool LastHappened, ImmutableArray<JournalDamage> Damage, JournalLog? Before = null)
{
    private const ulong Turns = 4;

    /// <summary>Where the log of this epoch begins.</summary>
    public ulong FirstSequence(JournalGeometry geometry, ulong epoch)
    {
        // R18: neither the predecessor's current segment nor its next one. Nor, as R4 has it for texts, the place that another takeover is
        // bound for that read the same and whose write hangs: epochs take turns among four places, each with one behind it to go on in.
        var last = Segments.Max(segment => segment.Header?.Sequence ?? 0);
        var first = last + 2;
        while (first % (2 * Turns) != 2 * (epoch % Turns))
        {
            first++;
        }

        // After many takeovers in a row that did not come to pass the ring comes round: what still counts is not overwritten.
        while (geometry.IndexOf(first) == Log?.Header.Index || geometry.IndexOf(first) == Before?.Header.Index)
        {
            first++;
        }

        return first;
    }

    /// <summary>The commits of this epoch that are known here, in order.</summary>
    /// <remarks>A commit that failed at the end of the segment before was tried again in this one, under the same number.</remarks>
    public IEnumerable<JournalBlock> Commits
    {
        get
        {
            var here = (Log?.Blocks ?? []).Where(block => block.Commit is not null).ToList();
            return (Before?.Blocks ?? []).Where(block => block.Commit is { } commit && (here is not [var first, ..] || commit.Seqno < first.Commit!.Value.Seqno)).Concat(here);
        }
    }

    /// <summary>R6b: commits that are above a text although the SPM went on after them, and whatever followed those.</summary>
    /// <param name="headersLost">The headers are known to have named more than they do: then the last commit, too, may have been acknowledged.</param>
    /// <returns>None when at most the last commit is missing: that one may not have happened, and then nobody was told of it.</returns>
    public IReadOnlyList<JournalBlock> LostAbove(ulong epoch, uint seqno, bool headersLost = false)
    {
        var above = Commits.Where(block => (block.Position.Epoch, block.Commit!.Value.Seqno).CompareTo((epoch, seqno)) > 0).ToList();
        return !headersLost && above is [var only] && only == Log?.Unsettled ? [] : above;
    }

    /// <summary>No epoch at or below this one may begin to write (R22).</summary>
    public ulong HighestEpoch => Segments.Max(segment => segment.Header?.Epoch ?? 0);

    /// <summary>A later version of this program wrote something: what it means is not known here.</summary>
    public JournalDamage? Later => Damage.FirstOrDefault(damage => damage.Error == RecordError.UnknownVersion);

    public JournalState State() => Log?.State(LastHappened) ?? new JournalState();

    /// <param name="read">All bytes of the segment with this index; wanted until the next one is.</param>
    /// <param name="happened">Did the commit of this block, of this epoch, take effect? Asked of the metadata text.</param>
    /// <remarks>
    /// The newest segment that was opened stands for all before it. One that begins an epoch counts only once its takeover's text is there;
    /// until then the predecessor's log counts, up to the end that was found for it: that text may be in nobody's hands, and the
    /// predecessor's last commit is to be judged again.
    /// </remarks>
    public static async ValueTask<JournalReading> ReadAsync(
        JournalGeometry geometry, ImmutableArray<SegmentGlance> segments, Func<int, ValueTask<ReadOnlyMemory<byte>>> read, Func<JournalBlock, bool> happened)
    {
        var damage = segments.Where(s => s.Error is not (RecordError.None or RecordError.Empty)).Select(s => new JournalDamage(s.Index, 0, s.Error)).ToList();
        var candidates = segments.Select(segment => segment.Header).OfType<SegmentHeader>()
            .OrderByDescending(header => header.Epoch).ThenByDescending(header => header.Sequence).ToList();
        JournalPosition? end = null;
        foreach (var header in candidates)
        {
            if (end is { } only && (header.Epoch != only.Epoch || header.Sequence != only.Sequence))
            {
                continue; // R18: landed after its end had been named
            }

            var log = JournalLog.Read((await read(header.Index)).Span, header, geometry.SectorSize, end?.OffsetBytes);
            damage.AddRange(log.Damage);
            if (!log.IsOpened)
            {
                // Torn while it was begun: nothing in it was acknowledged. Or damaged since: then what came before is all that is left.
                damage.Add(new JournalDamage(header.Index, geometry.SectorSize, RecordError.WrongChecksum));
                if (header is { BeginsEpoch: true, PredecessorEnd: null })
                {
                    break;
                }

                end = header.BeginsEpoch ? header.PredecessorEnd : end;
                continue;
            }

            var lastHappened = log.Unsettled is not { } unsettled || happened(unsettled);
            if (header.BeginsEpoch && log.Blocks.Length == 1 && !lastHappened)
            {
                if (header.PredecessorEnd is not { } before)
                {
                    break; // the very first takeover of this journal did not come to pass
                }

                end = before;
                continue;
            }

            var former = header.BeginsEpoch ? null : candidates.Find(h => h.Epoch == header.Epoch && h.Sequence == header.Sequence - 1);
            var commitsBefore = former is null ? null : JournalLog.Read((await read(former.Index)).Span, former, geometry.SectorSize);
            return new JournalReading(segments, log, lastHappened, [.. damage], commitsBefore);
        }

        return new JournalReading(segments, null, false, [.. damage]);
    }
}
