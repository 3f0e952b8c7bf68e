namespace OvirtSpm.Leases.Tests;

public class LeaseTimingTests
{
    /// The table of sanlock's timeouts: T, W → host dead, failover at best, failover at most.
    [Theory]
    [InlineData(20, 60, 220, 179.5, 262.5)]
    [InlineData(10, 60, 140, 119.5, 162.5)]
    [InlineData(5, 60, 100, 89.5, 112.5)]
    [InlineData(5, 30, 70, 59.5, 82.5)]
    [InlineData(2, 60, 76, 71.5, 82.5)]
    [InlineData(2, 10, 26, 21.5, 32.5)]
    [InlineData(1, 60, 68, 65.5, 72.5)]
    [InlineData(1, 10, 18, 15.5, 22.5)]
    [InlineData(1, 0, 8, 5.5, 12.5)]
    public void Every_duration_follows_from_two_numbers(int ioTimeout, int watchdog, double dead, double best, double bound)
    {
        var timing = new LeaseTiming(TimeSpan.FromSeconds(ioTimeout), TimeSpan.FromSeconds(watchdog));
        Assert.Equal((dead, best, bound), (timing.HostDead.TotalSeconds, timing.FailoverAtBest.TotalSeconds, timing.FailoverBound.TotalSeconds));
        Assert.Equal((2 * ioTimeout, 8 * ioTimeout, 2 * ioTimeout), (timing.RenewalInterval.TotalSeconds, timing.Expiry.TotalSeconds, timing.JoinFree.TotalSeconds));
        Assert.Contains(FormattableString.Invariant($"10T + W + 2.5 = {bound} s"), timing.Explain());
    }

    [Theory]
    [InlineData(0, 60)]
    [InlineData(256, 60)]
    [InlineData(1.5, 60)]
    [InlineData(10, -1)]
    [InlineData(10, 0.5)]
    public void A_timeout_that_cannot_be_stored_is_refused(double ioTimeout, double watchdog) => Assert.Throws<ArgumentOutOfRangeException>(
        () => new LeaseTiming(TimeSpan.FromSeconds(ioTimeout), TimeSpan.FromSeconds(watchdog)));

    [Fact]
    public void A_host_without_a_record_of_ours_is_given_sanlocks_minute_of_watchdog()
    {
        var timing = new LeaseTiming(TimeSpan.FromSeconds(1), TimeSpan.Zero);
        Assert.InRange(timing.DeadAfter(TimeSpan.FromSeconds(1), null).TotalSeconds, 68, 68.1);
        Assert.InRange(timing.DeadAfter(TimeSpan.FromSeconds(1), TimeSpan.Zero).TotalSeconds, 8, 8.1);
        Assert.InRange(timing.DeadAfter(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(5)).TotalSeconds, 85, 85.1);
    }
}
