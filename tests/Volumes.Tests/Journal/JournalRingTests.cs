using FsCheck.Fluent;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Volumes.Tests.Journal;

public class JournalRingTests
{
    private static readonly Guid Volume = Guid.Parse("eeeeeeee-0000-0000-0000-000000000001");
    private static readonly RequestId Request = new(3, Guid.Parse("0f8fad5b-d9cb-469f-a165-70867728950e"), 17);

    private static JournalRecord.Begun Begun(ulong operation) => new(operation, OperationKind.Create, Request, Volume, 0, 1 << 30);

    /// A domain that was made before there was a journal: its region is zero.
    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public void A_region_of_zeros_has_no_log_and_no_damage(int sector)
    {
        var reading = new RingDisk(sector).Read();
        Assert.Null(reading.Log);
        Assert.Empty(reading.Damage);
        Assert.Equal(0ul, reading.HighestEpoch);
        Assert.Empty(reading.State().Open);
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public void What_was_begun_is_open_for_the_successor_until_it_ended(int sector)
    {
        var disk = new RingDisk(sector);
        var writer = disk.TakeOver(2);
        disk.Commit(writer, 2, Begun(1));
        Assert.Equal([Begun(1)], disk.Read().State().Open);
        disk.Commit(writer, 2, new JournalRecord.Ended(1, OperationOutcome.Done));
        var state = disk.Read().State();
        Assert.Empty(state.Open);
        Assert.Equal(new JournalRecord.Answered(Request, OperationKind.Create, Volume, OperationOutcome.Done), state.Find(Request));
        Assert.Equal(1ul, state.LastOperation);
    }

    /// R24: the flush made the intent durable, the header was never written: it did not happen.
    [Fact]
    public void The_last_commit_counts_only_if_the_text_is_there()
    {
        var disk = new RingDisk(512);
        var writer = disk.TakeOver(2);
        disk.CrashBeforeHeader(writer, Begun(1));
        Assert.Empty(disk.Read().State().Open);
        Assert.False(disk.Read().LastHappened);
        disk.Text = disk.Text with { Seqno = disk.Text.Seqno + 1 };
        Assert.Single(disk.Read().State().Open);
    }

    /// A commit that was given up before its header is followed by another one in its place.
    [Fact]
    public void A_dropped_commit_is_overwritten_by_the_next()
    {
        var disk = new RingDisk(512);
        var writer = disk.TakeOver(2);
        disk.CrashBeforeHeader(writer, Begun(1));
        writer.Dropped();
        disk.Commit(writer, 2, Begun(2));
        Assert.Equal([2ul], disk.Read().State().Open.Select(operation => operation.Operation));
    }

    /// R18.
    [Fact]
    public void An_epoch_begins_neither_in_its_predecessors_segment_nor_in_the_next_and_names_its_end()
    {
        var disk = new RingDisk(512);
        var old = disk.TakeOver(2);
        disk.Commit(old, 2, Begun(1));
        var end = disk.Read().Log!.End;
        disk.TakeOver(3);
        var now = disk.Read();
        Assert.Equal((6ul, end, true), (now.Log!.Header.Sequence, now.Log.Header.PredecessorEnd, now.Log.Header.BeginsEpoch));
        Assert.Equal([Begun(1)], now.State().Open);
    }

    /// R18: a block of the stopped SPM lands after its end was named; also when the successor's takeover never came to pass.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_a_stopped_SPM_still_writes_is_void(bool takeoverCommitted)
    {
        var disk = new RingDisk(512);
        var old = disk.TakeOver(2);
        disk.Commit(old, 2, Begun(1));
        var late = old.Next(null, [new JournalRecord.Ended(1, OperationOutcome.Done)])!.Value;
        var stray = (late.OffsetBytes, (ReadOnlyMemory<byte>)late.Bytes.ToArray());
        var successor = disk.Begin(3);
        disk.Land(successor.Next(new CommitNote(disk.Text.Seqno + 2, 100, 7, 512, 1024), [])!.Value);
        if (takeoverCommitted)
        {
            disk.Text = (3, disk.Text.Seqno + 2);
        }

        disk.Land(stray);
        Assert.Single(disk.Read().State().Open);
        Assert.Equal(8ul, disk.Read().FirstSequence(disk.Geometry, 4));
    }

    /// The takeover's block is durable, its text is not: the last commit of the SPM before it is still to be judged by the text.
    [Fact]
    public void A_takeover_that_did_not_come_to_pass_leaves_its_predecessors_log_in_force()
    {
        var disk = new RingDisk(512);
        var old = disk.TakeOver(2);
        disk.CrashBeforeHeader(old, Begun(1));
        var successor = disk.Begin(3);
        disk.Land(successor.Next(new CommitNote(disk.Text.Seqno + 2, 100, 7, 512, 1024), [])!.Value);
        Assert.Empty(disk.Read().State().Open);
        // The late header of the SPM before it lands: without a watchdog nothing prevents that.
        disk.Text = disk.Text with { Seqno = disk.Text.Seqno + 1 };
        Assert.Single(disk.Read().State().Open);
        Assert.Equal(2ul, disk.Read().Log!.Header.Epoch);
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public void Round_the_ring_many_times_open_operations_and_answers_are_carried_along(int sector)
    {
        var disk = new RingDisk(sector, segments: 4);
        var writer = disk.TakeOver(2);
        disk.Commit(writer, 2, Begun(1));
        disk.Commit(writer, 2, new JournalRecord.Answered(Request, OperationKind.Extend, Volume, OperationOutcome.Done));
        var blocks = 12 * (JournalGeometry.SegmentBytes / 40_000);
        for (var i = 0; i < blocks; i++)
        {
            disk.Commit(writer, 2, [.. Enumerable.Range(0, 400).Select(n => new JournalRecord.Freed($"{n:d36}", $"{n:d32}", 1))]);
        }

        var reading = disk.Read();
        Assert.True(reading.Log!.Header.Sequence > 8, $"{reading.Log.Header}");
        Assert.Empty(reading.Damage);
        Assert.Equal([Begun(1)], reading.State().Open);
        Assert.NotNull(reading.State().Find(Request));
    }

    /// The opening of a segment inside an epoch is torn: nothing in it was acknowledged, the one before it holds everything.
    [Fact]
    public void A_segment_that_was_torn_when_it_was_begun_leaves_the_one_before_it_in_force()
    {
        var disk = new RingDisk(512);
        var writer = disk.TakeOver(2);
        disk.Commit(writer, 2, Begun(1));
        for (var at = disk.Read().Log!.End.Sequence; disk.Read().Log!.End.Sequence == at;)
        {
            disk.Commit(writer, 2, [.. Enumerable.Range(0, 1500).Select(n => new JournalRecord.Freed($"{n:d200}", $"{n:d32}", 1))]);
        }

        var opened = disk.Read();
        disk.Bytes[disk.Geometry.OffsetOf(opened.Log!.Header.Index) + 700] ^= 1;
        disk.Text = disk.Text with { Seqno = disk.Text.Seqno - 1 };
        var before = disk.Read();
        Assert.Equal(opened.Log.Header.Sequence - 1, before.Log!.Header.Sequence);
        Assert.Equal([Begun(1)], before.State().Open);
        Assert.NotEmpty(before.Damage);
    }

    [Fact]
    public void More_than_a_block_holds_is_refused()
    {
        var disk = new RingDisk(512);
        var writer = disk.TakeOver(2);
        Assert.Null(writer.Next(null, [.. Enumerable.Range(0, 10_000).Select(n => new JournalRecord.Freed($"{n:d250}", $"{n:d32}", 1))]));
    }

    /// The largest batch beside the largest state: a segment always takes it.
    [Fact]
    public void A_full_state_and_a_full_batch_fit_one_block()
    {
        var disk = new RingDisk(512);
        var writer = disk.TakeOver(2);
        for (var n = 1; n <= JournalState.Answers + 1000; n++)
        {
            writer.State.Apply(new JournalRecord.Answered(new RequestId(n % 250, new Guid(n % 1024 + 1, 0, 0, new byte[8]), (ulong)n), OperationKind.Extend, Volume, OperationOutcome.Done));
        }

        string[] tags = ["OVIRT_VOL_INITIALIZING", "MD_1947", "PU_00000000-0000-0000-0000-000000000000", "IU_00000000-0000-0000-0000-000000000000"];
        var grant = new JournalRecord.Granted($"{Volume}", new string('x', 32), 0, [.. Enumerable.Range(0, 40).Select(n => new GrantedRun(0, n, 1))], new EquatableList<string>([.. tags]));
        Assert.NotNull(writer.Next(default(CommitNote), [.. Enumerable.Repeat<JournalRecord>(grant, 1024)]));
    }

    private static JournalRecord[] Large(int records) => [.. Enumerable.Range(0, records).Select(n => new JournalRecord.Freed($"{n:D200}", new string('l', 32), 1))];

    /// Until the next large block would not fit behind the last one any more.
    private static JournalWriter Full(RingDisk disk)
    {
        var writer = disk.TakeOver(2);
        while (writer.Position.OffsetBytes + 300_000 < JournalGeometry.SegmentBytes)
        {
            disk.Commit(writer, 2, [.. Large(1000)]);
        }

        return writer;
    }

    /// A reader takes the segment that was begun last for the newest: what follows there must not be looked for in the one before.
    [Fact]
    public void What_follows_a_failed_block_that_began_a_segment_is_found()
    {
        var disk = new RingDisk(512);
        var writer = Full(disk);
        disk.CrashBeforeHeader(writer, [.. Large(2000)]);
        writer.Dropped();
        disk.Commit(writer, 2, Begun(1));
        disk.Commit(writer, 2, new JournalRecord.Freed("after", "l", 1));
        Assert.Equal([Begun(1)], disk.Read().State().Open);
        Assert.Equal(disk.Text.Seqno, disk.Read().Commits.Last().Commit!.Value.Seqno);
    }

    /// Tried again with more requests it no longer fits where the failed one lies.
    [Fact]
    public void A_commit_that_failed_at_the_end_of_a_segment_and_was_tried_again_in_the_next_is_one_commit()
    {
        var disk = new RingDisk(512);
        var writer = Full(disk);
        disk.CrashBeforeHeader(writer, Begun(7));
        writer.Dropped();
        disk.Commit(writer, 2, [.. Large(2000)]);
        var commits = disk.Read().Commits.Select(block => block.Commit!.Value.Seqno).ToList();
        Assert.Equal(commits.Distinct(), commits);
        Assert.DoesNotContain(disk.Read().Commits, block => block.Records.Contains(Begun(7)));
    }

    /// Each of them writes its segment and fails before its text is there.
    [Fact]
    public void Takeovers_that_did_not_come_to_pass_never_overwrite_the_log_that_counts()
    {
        var disk = new RingDisk(512);
        var writer = disk.TakeOver(2);
        disk.Commit(writer, 2, Begun(1));
        for (var epoch = 3ul; epoch < 40; epoch++)
        {
            disk.CrashBeforeHeader(disk.Begin(epoch));
            Assert.Equal([Begun(1)], disk.Read().State().Open);
        }

        disk.TakeOver(40);
        Assert.Equal([Begun(1)], disk.Read().State().Open);
    }

    /// R18: each of them read the same, and the write that begins its log hangs, as long as the three after it take.
    [Fact]
    public void Takeovers_that_hang_one_after_the_other_do_not_meet()
    {
        var disk = new RingDisk(512, segments: 48);
        disk.Commit(disk.TakeOver(2), 2, Begun(1));
        (long, ReadOnlyMemory<byte>)[] hanging = [.. Enumerable.Range(3, 3).Select(epoch =>
        {
            var (at, bytes) = disk.Begin((ulong)epoch).Next(new CommitNote(disk.Text.Seqno + 2, 100, 7, 512, 1024), [])!.Value;
            return (at, (ReadOnlyMemory<byte>)bytes.ToArray());
        })];
        var fourth = disk.TakeOver(6);
        disk.Commit(fourth, 6, Begun(2));
        foreach (var late in hanging)
        {
            disk.Land(late);
        }

        Assert.Equal(6ul, disk.Read().Log!.Header.Epoch);
        Assert.Equal([Begun(1), Begun(2)], disk.Read().State().Open);
        var next = disk.Read().FirstSequence(disk.Geometry, 7);
        Assert.All(disk.Read().Segments.Where(segment => segment.Header is not null), segment => Assert.True(next >= segment.Header!.Sequence + 2));
    }

    /// lvm2 takes tags of a thousand characters and more.
    [Fact]
    public void A_long_tag_is_written_and_read()
    {
        var disk = new RingDisk(512);
        var writer = disk.TakeOver(2);
        var granted = new JournalRecord.Granted("v", "l", 0, [], new EquatableList<string>([new string('t', 2000), "MD_1"]));
        disk.Commit(writer, 2, granted);
        Assert.Contains(granted, disk.Read().Commits.Last().Records);
    }
}
