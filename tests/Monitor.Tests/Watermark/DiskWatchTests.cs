using OvirtSpm.Monitor.Watermark;

namespace OvirtSpm.Monitor.Tests.Watermark;

public class DiskWatchTests
{
    private const long Chunk = 100, Maximum = 1000;

    private DiskWatch disk = new(default, Policy, implausibleBytes: 500);

    /// Threshold 40 below the end, next size 100 more, capped.
    internal static GrowthDecision Policy(GrowthInput input) => input.AllocatedBytes >= input.MaximumBytes
        ? new(input.AllocatedBytes, null)
        : new(Math.Min(input.AllocatedBytes + Chunk, input.MaximumBytes), input.AllocatedBytes - 40);

    [Fact]
    public void Sets_the_threshold_and_is_quiet_once_QEMU_has_it()
    {
        Assert.Equal(DiskPhase.New, disk.Phase);
        Assert.Equal([Threshold(160)], Do(Attached(200)));
        Assert.Equal(DiskPhase.Extended, disk.Phase);
        Assert.Empty(Do(new DiskInput.ThresholdSet(160)));
        Assert.Equal(DiskPhase.Quiet, disk.Phase);
    }

    [Fact]
    public void Asks_for_an_absolute_size_when_the_threshold_is_passed_and_sets_the_next_one_after()
    {
        Settle(200);
        Assert.Equal([new DiskEffect.AskExtend(1, 300)], Do(new DiskInput.ThresholdPassed(165)));
        Assert.Equal(DiskPhase.Asked, disk.Phase);
        Assert.Equal([Threshold(260)], Do(new DiskInput.Extended(1, 300)));
        Do(new DiskInput.ThresholdSet(260));
        Assert.Equal((DiskPhase.Quiet, 300L, 260L), (disk.Phase, disk.AllocatedBytes, disk.ThresholdBytes!.Value));
    }

    [Fact]
    public void Duplicate_events_ask_once()
    {
        Settle(200);
        Do(new DiskInput.ThresholdPassed(165));
        Assert.Empty(Do(new DiskInput.ThresholdPassed(165)));
        Assert.Empty(Do(new DiskInput.ThresholdPassed(190)));
        Assert.Equal(190, disk.HighestBytes);
    }

    /// QEMU clears the threshold by sending the event, whichever threshold that was.
    [Fact]
    public void An_event_below_the_present_threshold_sets_it_again()
    {
        Settle(200);
        Assert.Equal([Threshold(160)], Do(new DiskInput.ThresholdPassed(90)));
    }

    [Fact]
    public void Asks_again_at_once_when_the_extend_was_not_enough()
    {
        Settle(200);
        Do(new DiskInput.ThresholdPassed(290));
        Assert.Equal([new DiskEffect.AskExtend(2, 400)], Do(new DiskInput.Extended(1, 300)));
    }

    [Fact]
    public void A_paused_guest_goes_on_only_after_the_next_threshold_is_set()
    {
        Settle(200);
        Assert.Equal([new DiskEffect.AskExtend(1, 300)], Do(new DiskInput.NoSpace()));
        Assert.Equal([Threshold(260)], Do(new DiskInput.Extended(1, 300)));
        Assert.True(disk.Paused);
        Assert.Equal([new DiskEffect.Resume()], Do(new DiskInput.ThresholdSet(260)));
        Assert.Empty(Do(new DiskInput.Resumed()));
        Assert.False(disk.Paused);
    }

    [Fact]
    public void A_threshold_that_cannot_be_set_does_not_keep_the_guest_paused()
    {
        Settle(200);
        Do(new DiskInput.NoSpace());
        Do(new DiskInput.Extended(1, 300));
        Assert.Equal([new DiskEffect.Resume()], Do(new DiskInput.ThresholdFailed("no such node")));
        Assert.Equal((DiskPhase.Unarmed, "no such node"), (disk.Phase, disk.Detail));
        Assert.Contains(Threshold(260), Do(new DiskInput.Polled(0, 0)));
    }

    [Fact]
    public void The_many_errors_of_one_pause_ask_once()
    {
        Settle(200);
        Do(new DiskInput.NoSpace());
        Assert.Empty(Do(new DiskInput.NoSpace()));
        Do(new DiskInput.Extended(1, 300));
        Assert.Empty(Do(new DiskInput.NoSpace()));
    }

    [Fact]
    public void A_pause_after_the_resume_asks_again()
    {
        Settle(200);
        Do(new DiskInput.NoSpace());
        Do(new DiskInput.Extended(1, 300));
        Do(new DiskInput.ThresholdSet(260));
        Do(new DiskInput.Resumed());
        Assert.Equal([new DiskEffect.AskExtend(2, 400)], Do(new DiskInput.NoSpace()));
    }

    [Fact]
    public void A_refusal_shows_why_and_is_retried_with_growing_pauses()
    {
        Settle(200);
        Do(new DiskInput.ThresholdPassed(165));
        Assert.Equal([new DiskEffect.RetryLater(1, 1)], Do(new DiskInput.Refused(1, "the pool is full")));
        Assert.Equal((DiskPhase.Refused, "the pool is full"), (disk.Phase, disk.Detail));
        Assert.Equal([new DiskEffect.AskExtend(2, 300)], Do(new DiskInput.RetryDue(1)));
        Assert.Equal([new DiskEffect.RetryLater(2, 2)], Do(new DiskInput.Refused(2, "the pool is full")));
        Assert.Empty(Do(new DiskInput.RetryDue(1)));
        Do(new DiskInput.RetryDue(2));
        Do(new DiskInput.Extended(3, 300));
        Do(new DiskInput.ThresholdPassed(265));
        Assert.Equal([new DiskEffect.RetryLater(4, 1)], Do(new DiskInput.Refused(4, "again")));
    }

    [Fact]
    public void An_answer_to_an_older_request_changes_nothing()
    {
        Settle(200);
        Do(new DiskInput.ThresholdPassed(165));
        Do(new DiskInput.Refused(1, "slow"));
        Do(new DiskInput.RetryDue(1));
        Assert.Empty(Do(new DiskInput.Extended(1, 900)));
        Assert.Equal(200, disk.AllocatedBytes);
        Assert.Empty(Do(new DiskInput.Refused(1, "late")));
    }

    [Fact]
    public void An_answer_that_gave_nothing_counts_as_refused()
    {
        Settle(200);
        Do(new DiskInput.ThresholdPassed(165));
        Assert.Equal([new DiskEffect.RetryLater(1, 1)], Do(new DiskInput.Extended(1, 200)));
        Assert.Contains("already had 200", disk.Detail);
    }

    /// The device grows before the answer is back: the same size twice is one extend, not a refusal.
    [Fact]
    public void Growth_seen_before_its_answer_is_no_refusal()
    {
        Settle(200);
        Do(new DiskInput.ThresholdPassed(165));
        Do(new DiskInput.Grew(300));
        Do(new DiskInput.ThresholdSet(260));
        Assert.Empty(Do(new DiskInput.Extended(1, 300)));
        Assert.Equal((DiskPhase.Quiet, 300L), (disk.Phase, disk.AllocatedBytes));
    }

    [Fact]
    public void Growth_by_somebody_else_ends_a_refusal_and_a_pause()
    {
        Settle(200);
        Do(new DiskInput.NoSpace());
        Do(new DiskInput.Refused(1, "the pool is full"));
        Assert.Equal([Threshold(260)], Do(new DiskInput.Grew(300)));
        Assert.Equal([new DiskEffect.Resume()], Do(new DiskInput.ThresholdSet(260)));
        Assert.Empty(Do(new DiskInput.RetryDue(1)));
    }

    [Fact]
    public void Sizes_never_go_back()
    {
        Settle(300);
        Assert.Empty(Do(new DiskInput.Grew(200)));
        Do(new DiskInput.Detached("lost"));
        Do(Attached(250));
        Assert.Equal(300, disk.AllocatedBytes);
    }

    [Fact]
    public void A_disk_at_its_maximum_has_no_threshold_and_asks_for_nothing()
    {
        Settle(950);
        Do(new DiskInput.ThresholdPassed(920));
        Assert.Empty(Do(new DiskInput.Extended(1, Maximum)));
        Assert.Equal((DiskPhase.Full, (long?)null), (disk.Phase, disk.ThresholdBytes));
        Assert.Empty(Do(new DiskInput.ThresholdPassed(999)));
        Assert.Empty(Do(new DiskInput.Polled(999, 0)));
    }

    [Fact]
    public void A_threshold_left_over_at_the_maximum_is_cleared()
    {
        Assert.Equal([Threshold(0)], Do(new DiskInput.Attached("n", new(Maximum, Maximum), 700)));
        Do(new DiskInput.ThresholdSet(0));
        Assert.Equal(DiskPhase.Full, disk.Phase);
    }

    /// The write that failed may be older than the last growth, and no further growth will come to clear the pause.
    [Fact]
    public void A_guest_paused_at_the_maximum_is_tried_once_and_then_left_with_the_reason()
    {
        Settle(Maximum);
        Assert.Equal([new DiskEffect.Resume()], Do(new DiskInput.NoSpace()));
        Do(new DiskInput.Resumed());
        Assert.Empty(Do(new DiskInput.NoSpace()));
        Assert.Empty(Do(new DiskInput.Polled(Maximum, 0)));
        Assert.Contains("maximum of 1000 bytes", disk.Detail);
    }

    [Fact]
    public void A_write_far_beyond_the_next_size_is_reported_and_not_fed()
    {
        Settle(200);
        Assert.Empty(Do(new DiskInput.ThresholdPassed(801)));
        Assert.Equal(DiskPhase.Implausible, disk.Phase);
        Assert.Contains("qemu-img check", disk.Detail);
        Assert.Empty(Do(new DiskInput.ThresholdPassed(long.MaxValue)));
        Assert.Empty(Do(new DiskInput.NoSpace()));
    }

    [Fact]
    public void A_write_somewhat_beyond_is_a_request_in_flight()
    {
        Settle(200);
        Assert.Equal([new DiskEffect.AskExtend(1, 300)], Do(new DiskInput.ThresholdPassed(800)));
    }

    [Fact]
    public void A_new_QEMU_gets_its_threshold_and_the_open_request_is_not_asked_twice()
    {
        Settle(200);
        Do(new DiskInput.ThresholdPassed(165));
        Do(new DiskInput.Detached("QEMU closed the connection"));
        Assert.Equal((DiskPhase.Lost, "QEMU closed the connection"), (disk.Phase, disk.Detail));
        Assert.Empty(Do(Attached(200)));
        Assert.Equal(DiskPhase.Asked, disk.Phase);
        Assert.Equal([Threshold(260)], Do(new DiskInput.Extended(1, 300)));
    }

    [Fact]
    public void An_answer_that_comes_while_QEMU_is_gone_counts()
    {
        Settle(200);
        Do(new DiskInput.ThresholdPassed(165));
        Do(new DiskInput.Detached("gone"));
        Assert.Empty(Do(new DiskInput.Extended(1, 300)));
        Assert.Equal([Threshold(260)], Do(Attached(200)));
    }

    [Fact]
    public void A_refusal_while_QEMU_is_gone_does_not_stop_later_asking()
    {
        Settle(200);
        Do(new DiskInput.ThresholdPassed(165));
        Do(new DiskInput.Detached("gone"));
        Do(new DiskInput.Refused(1, "no SPM"));
        Do(Attached(200));
        Assert.Equal([new DiskEffect.AskExtend(2, 300)], Do(new DiskInput.RetryDue(1)));
    }

    [Fact]
    public void The_slow_look_finds_a_lost_event()
    {
        Settle(200);
        Assert.Equal([new DiskEffect.AskExtend(1, 300)], Do(new DiskInput.Polled(170, 0)));
    }

    [Fact]
    public void The_slow_look_sets_a_lost_threshold_again()
    {
        Settle(200);
        Assert.Empty(Do(new DiskInput.Polled(100, 160)));
        Assert.Empty(Do(new DiskInput.Polled(100, null)));
        Assert.Equal([Threshold(160)], Do(new DiskInput.Polled(100, 0)));
    }

    [Fact]
    public void The_slow_look_tries_a_resume_again()
    {
        Settle(200);
        Do(new DiskInput.NoSpace());
        Do(new DiskInput.Extended(1, 300));
        Do(new DiskInput.ThresholdSet(260));
        Assert.True(disk.NeedsPolling);
        Assert.Equal([new DiskEffect.Resume()], Do(new DiskInput.Polled(200, 260)));
    }

    private static DiskInput.Attached Attached(long allocated) => new("n", new(allocated, Maximum), 0);

    private static DiskEffect.SetThreshold Threshold(long offset) => new("n", offset);

    private void Settle(long allocated)
    {
        foreach (var effect in Do(Attached(allocated)).OfType<DiskEffect.SetThreshold>())
            Do(new DiskInput.ThresholdSet(effect.OffsetBytes));
    }

    private IReadOnlyList<DiskEffect> Do(DiskInput input)
    {
        var step = disk.Step(input);
        disk = step.Next;
        return step.Effects;
    }
}
