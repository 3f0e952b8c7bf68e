using OvirtSpm.Leases;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Tests.Roles;

/// <summary>R21, R25: on guard exactly as long as something could still be written under a term.</summary>
public sealed class TermGuardTests
{
    static readonly TimeSpan Expiry = TimeSpan.FromSeconds(8);
    readonly ManualClock clock = new();
    readonly Recorder recorder = new();

    [Fact]
    public void Armed_with_the_deadline_when_a_term_begins_and_again_at_each_renewal()
    {
        var guard = Guard();
        Renew(guard, 5);
        Assert.Empty(recorder.Calls);
        guard.Begin(Fence(), () => TimeSpan.FromSeconds(10));
        Renew(guard, 12);
        Assert.Equal(["kill at 10", "feed until 10", "kill at 12", "feed until 12"], recorder.Calls);
    }

    /// Between reading the deadline and arming with it: the renewal finds no term yet, and the term would be armed with a deadline that is over sooner.
    [Fact]
    public async Task A_renewal_while_a_term_begins_is_what_counts()
    {
        var guard = Guard();
        Task renewing = Task.CompletedTask;
        guard.Begin(Fence(), () =>
        {
            renewing = Task.Run(() => Renew(guard, 12));
            // Only a renewal that does not wait for the term comes to its end here.
            renewing.Wait(TimeSpan.FromMilliseconds(200), TestContext.Current.CancellationToken);
            return TimeSpan.FromSeconds(10);
        });
        await renewing;
        Assert.Equal(["kill at 10", "feed until 10", "kill at 12", "feed until 12"], recorder.Calls);
    }

    [Fact]
    public void A_term_whose_host_id_is_lost_does_not_begin_and_arms_nothing()
    {
        var guard = Guard();
        Assert.Contains("lost", guard.Begin(Fence(), () => null), StringComparison.Ordinal);
        Renew(guard, 12);
        Assert.Empty(recorder.Calls);
    }

    [Fact]
    public async Task Disarmed_when_the_fence_is_closed_and_every_write_has_returned_and_not_for_a_read_that_hangs()
    {
        var (guard, fence, writes) = (Guard(), Fence(), new TaskCompletionSource());
        guard.Begin(fence, () => TimeSpan.FromSeconds(10));
        using var inside = fence.Enter();
        recorder.Calls.Clear();
        var ending = guard.EndAsync(fence, () => writes.Task);
        Renew(guard, 12);
        Assert.Equal(["kill at 12", "feed until 12"], recorder.Calls);
        Assert.NotNull(fence.ClosedBecause);
        Assert.False(ending.IsCompleted);
        writes.SetResult();
        await ending;
        Renew(guard, 15);
        Assert.Equal(["kill at 12", "feed until 12", "no kill", "disarmed"], recorder.Calls);
    }

    /// Otherwise "closed and all writes returned" would say nothing about a write whose thread has asked and not issued it yet.
    [Fact]
    public async Task Closing_waits_for_a_write_that_was_let_through_and_is_being_issued()
    {
        var fence = Fence();
        using var asked = new ManualResetEventSlim();
        using var issue = new ManualResetEventSlim();
        var issued = false;
        var writer = Task.Run(() => fence.Issue(() =>
        {
            asked.Set();
            issue.Wait();
            issued = true;
            return default;
        }));
        asked.Wait(TestContext.Current.CancellationToken);
        var closer = Task.Run(() =>
        {
            fence.Close("the test");
            return issued;
        });
        Assert.NotSame(closer, await Task.WhenAny(closer, Task.Delay(50)));
        issue.Set();
        Assert.True(await closer);
        Assert.True((await writer).HasValue);
        Assert.False(fence.Issue(() => throw new InvalidOperationException("issued through a closed fence")).HasValue);
    }

    [Fact]
    public async Task A_term_that_ended_does_not_disarm_the_one_that_has_begun_since()
    {
        var (guard, first, second) = (Guard(), Fence(), Fence());
        guard.Begin(first, () => TimeSpan.FromSeconds(10));
        guard.Begin(second, () => TimeSpan.FromSeconds(10));
        recorder.Calls.Clear();
        await guard.EndAsync(first, () => Task.CompletedTask);
        Assert.Empty(recorder.Calls);
        await guard.EndAsync(second, () => Task.CompletedTask);
        Assert.Equal(["no kill", "disarmed"], recorder.Calls);
    }

    /// R27: renewed on, a node whose writer hangs would keep the pool from everybody for ever.
    [Fact]
    public void A_writer_that_is_stuck_for_as_long_as_a_lease_lasts_objects_to_renewals_until_it_moves()
    {
        var (guard, fence) = (Guard(), Fence());
        guard.Begin(fence, () => TimeSpan.FromSeconds(10));
        clock.Pass(TimeSpan.FromMinutes(1));
        Assert.Null(guard.Objection());
        using (fence.Enter())
        {
            clock.Pass(Expiry);
            Assert.Null(guard.Objection());
            clock.Pass(TimeSpan.FromTicks(1));
            Assert.Contains("8 s", guard.Objection(), StringComparison.Ordinal);
        }
        Assert.Null(guard.Objection());
    }

    TermGuard Guard() => new(WatchdogKind.Device, recorder, recorder, Expiry);

    PoolFence Fence() => new(2, _ => true, TimeSpan.Zero, clock);

    static void Renew(TermGuard guard, int seconds) => guard.Renewed(TimeSpan.Zero, TimeSpan.Zero, TimeSpan.FromSeconds(seconds));

    sealed class Recorder : IWatchdog, IKillTimer
    {
        public List<string> Calls { get; } = [];

        public bool IsUnsafe => false;

        public string Name => "recorder";

        public bool IsArmed => false;

        public string? Prepare(LeaseTiming timing) => null;

        public string? Feed(TimeSpan expiresAt)
        {
            Calls.Add($"feed until {expiresAt.TotalSeconds}");
            return null;
        }

        public void Arm(TimeSpan at) => Calls.Add($"kill at {at.TotalSeconds}");

        void IKillTimer.Disarm() => Calls.Add("no kill");

        void IWatchdog.Disarm() => Calls.Add("disarmed");
    }
}
