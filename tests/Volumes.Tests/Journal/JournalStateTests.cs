using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Volumes.Tests.Journal;

public class JournalStateTests
{
    private static readonly Guid Life = Guid.Parse("0f8fad5b-d9cb-469f-a165-70867728950e");

    private static JournalRecord.Answered Answer(int host, Guid life, ulong counter) =>
        new(new RequestId(host, life, counter), OperationKind.Extend, Life, OperationOutcome.Done);

    /// R24: ids below the kept window cannot be told from ids that were never answered.
    [Fact]
    public void Of_one_asker_the_last_answers_are_kept_and_all_below_them_are_known_to_be_forgotten()
    {
        var state = new JournalState();
        for (var n = 1ul; n <= JournalState.AnswersPerAsker + 10; n++)
        {
            state.Apply(Answer(1, Life, n));
        }

        Assert.All(Enumerable.Range(1, 10), n => Assert.True(state.IsForgotten(new RequestId(1, Life, (ulong)n))));
        Assert.Null(state.Find(new RequestId(1, Life, 10)));
        Assert.False(state.IsForgotten(new RequestId(1, Life, 11)));
        Assert.NotNull(state.Find(new RequestId(1, Life, 11)));
        Assert.False(state.IsForgotten(new RequestId(1, Life, 10_000)));
        Assert.False(state.IsForgotten(new RequestId(2, Life, 1)));
    }

    [Fact]
    public void However_many_ask_the_state_stays_bounded_and_its_records_make_it_again()
    {
        var state = new JournalState();
        for (var n = 1; n <= 30_000; n++)
        {
            state.Apply(Answer(n % 7, new Guid(n / 9 % 3000, 0, 0, new byte[8]) is var life && life == Guid.Empty ? Life : life, (ulong)n));
        }

        var records = state.ToRecords();
        Assert.InRange(state.KeptCount, JournalState.Answers - 1, JournalState.Answers);
        Assert.InRange(records.Length, JournalState.Answers, JournalState.Answers + (2 * JournalState.Askers));
        var again = new JournalState();
        foreach (var record in records)
        {
            again.Apply(record);
        }

        Assert.Equal(state.Kept, again.Kept);
        Assert.Empty(again.ToRecords().Except(records));
    }

    [Fact]
    public void An_end_without_a_beginning_changes_nothing()
    {
        var state = new JournalState();
        state.Apply(new JournalRecord.Ended(4, OperationOutcome.Done));
        Assert.Empty(state.ToRecords());
    }
}
