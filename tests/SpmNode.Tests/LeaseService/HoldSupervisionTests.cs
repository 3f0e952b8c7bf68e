using OvirtSpm.Node.LeaseService;
using OvirtSpm.Node.Tests.Activation;

namespace OvirtSpm.Node.Tests.LeaseService;

/// T = 1 s: SIGTERM with 3 s left, SIGKILL with 1 s left, the kernel's timer with half a second left.
public class HoldSupervisionTests
{
    [Fact]
    public async Task A_command_that_ends_by_itself_gives_its_exit_code()
    {
        var run = new Run();
        run.Command.Ended.SetResult(7);
        Assert.Equal(7, await run.Ended);
        Assert.Equal("", run.Command.Done);
    }

    /// R8: whoever goes on after this gives the lease back.
    [Theory]
    [InlineData(0)]
    [InlineData(5.5)]
    public async Task Of_a_command_whose_end_cannot_be_known_nobody_is_told_that_it_ended(double passed)
    {
        var run = new Run();
        await run.PassAsync(passed);
        run.Command.Ended.SetException(new IOException("the lock cannot be tried"));
        await Assert.ThrowsAsync<IOException>(() => run.Ended);
    }

    [Fact]
    public async Task Without_renewals_it_is_asked_at_three_T_and_killed_at_one()
    {
        var run = new Run();
        await run.PassAsync(4.9);
        Assert.Equal("", run.Command.Done);
        await run.PassAsync(0.2);
        Assert.Equal("term ", run.Command.Done);
        await run.PassAsync(1.8);
        Assert.Equal("term ", run.Command.Done);
        await run.PassAsync(0.2);
        Assert.Equal("term kill ", run.Command.Done);
        Assert.Null(await run.Ended);
    }

    [Fact]
    public async Task One_that_ends_when_asked_was_ended_for_its_lease_all_the_same()
    {
        var run = new Run();
        await run.PassAsync(5.1);
        run.Command.Ended.SetResult(0);
        Assert.Null(await run.Ended);
        Assert.Equal("term ", run.Command.Done);
    }

    [Fact]
    public async Task A_lease_that_recovers_after_the_command_was_asked_to_end_does_not_let_it_stay()
    {
        var run = new Run();
        await run.PassAsync(5.1);
        run.Lease.Renew();
        await run.PassAsync(1.5);
        Assert.Equal("term ", run.Command.Done);
        await run.PassAsync(0.6);
        Assert.Equal("term kill ", run.Command.Done);
        Assert.Null(await run.Ended);
    }

    [Fact]
    public async Task A_lease_that_somebody_else_has_taken_ends_it_at_once()
    {
        var run = new Run();
        await run.PassAsync(1);
        run.Lease.Gone.SetResult("taken");
        Assert.Null(await run.Ended);
        Assert.Equal("kill ", run.Command.Done);
        Assert.Contains("taken", run.Said);
    }

    /// A machine that slept: no timer ran, and the margin is gone when it wakes.
    [Fact]
    public async Task After_a_sleep_nothing_is_asked_any_more()
    {
        var run = new Run();
        await run.PassAsync(1);
        run.Clock.Pass(TimeSpan.FromHours(1));
        Assert.Null(await run.Ended);
        Assert.Equal("kill ", run.Command.Done);
    }

    [Fact]
    public async Task Renewals_keep_it_running_and_put_the_kernels_timer_off()
    {
        var run = new Run();
        for (var i = 0; i < 20; i++)
        {
            await run.PassAsync(2.5);
            run.Lease.Renew();
            Assert.InRange((run.Command.KilledAt - run.Clock.GetElapsedTime(0)).TotalSeconds, 4.4, 7.5);
        }
        Assert.Equal("", run.Command.Done);
    }

    [Fact]
    public async Task Whoever_stops_it_waits_for_its_own_end_and_code()
    {
        var run = new Run();
        await run.Stop.CancelAsync();
        await AsyncWait.UntilAsync(() => run.Command.Done == "term ");
        await run.PassAsync(1);
        run.Command.Ended.SetResult(130);
        Assert.Equal(130, await run.Ended);
        Assert.Equal("term ", run.Command.Done);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    public void All_of_it_is_over_before_the_deadline_and_leaves_room_for_two_renewals(int seconds)
    {
        var t = TimeSpan.FromSeconds(seconds);
        Assert.True(TimeSpan.Zero < HoldPlan.EndOurselvesAt(t) && HoldPlan.EndOurselvesAt(t) < HoldPlan.KillAt(t) && HoldPlan.KillAt(t) < HoldPlan.TerminateAt(t));
        // A renewal every 2 T + 0.5 s, which may itself take T to read and T to write.
        Assert.True((8 * t) - HoldPlan.TerminateAt(t) > (2 * t) + TimeSpan.FromSeconds(0.5) + (2 * t));
    }

    sealed class Run
    {
        public Run()
        {
            Lease = new(Clock);
            Ended = new HoldSupervision(Lease, Command, Clock, line => Said += line).RunAsync(Stop.Token);
        }

        public ManualClock Clock { get; } = new();
        public FakeLease Lease { get; }
        public FakeCommand Command { get; } = new();
        public CancellationTokenSource Stop { get; } = new();
        public Task<int?> Ended { get; }
        public string Said { get; private set; } = "";

        /// In small steps, each taken when the supervisor waits again.
        public async Task PassAsync(double seconds)
        {
            for (var left = (int)(seconds * 20); left > 0; left--)
            {
                await AsyncWait.UntilAsync(() => Clock.Timers > 0 || Ended.IsCompleted);
                Clock.Pass(TimeSpan.FromMilliseconds(50));
            }
            await AsyncWait.UntilAsync(() => Clock.Timers > 0 || Ended.IsCompleted);
        }
    }

    sealed class FakeLease(ManualClock clock) : IHeldLease
    {
        TimeSpan expires = TimeSpan.FromSeconds(8);

        public TaskCompletionSource<string> Gone { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public string Name => "x";
        public ulong Version => 1;
        public TimeSpan IoTimeout => TimeSpan.FromSeconds(1);
        public TimeSpan Margin => Gone.Task.IsCompleted ? TimeSpan.MinValue : expires - clock.GetElapsedTime(0);
        public TimeSpan ExpiresAt => expires;
        public Task<string> Lost => Gone.Task;

        public void Renew() => expires = clock.GetElapsedTime(0) + TimeSpan.FromSeconds(8);

        public Task<string?> ReleaseAsync() => Task.FromResult<string?>(null);
    }

    sealed class FakeCommand : IHeldCommand
    {
        public TaskCompletionSource<int> Ended { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public string Done { get; private set; } = "";
        public TimeSpan KilledAt { get; private set; }
        public Task<int> Exited => Ended.Task;

        public void Terminate() => Done += "term ";

        public void Kill()
        {
            Done += "kill ";
            Ended.TrySetResult(137);
        }

        public void EndUnlessPutOff(TimeSpan at) => KilledAt = at;
    }
}
