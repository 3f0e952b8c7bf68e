using OvirtSpm.Leases;
using OvirtSpm.Node.Linux;

namespace OvirtSpm.Interop;

/// <summary>Our client of wdmd against the real daemon.</summary>
public sealed class WdmdTests
{
    static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task The_daemon_is_asked_for_its_timeout_and_refused_when_that_does_not_fit()
    {
        await using var daemon = await WdmdDaemon.StartAsync();
        using var watchdog = Client(daemon);
        Assert.Null(watchdog.Prepare(new LeaseTiming(TimeSpan.FromSeconds(10), Minute)));
        var late = watchdog.Prepare(new LeaseTiming(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(30)));
        Assert.Contains("up to 140 s after its last renewal; others take over after 110 s", late, StringComparison.Ordinal);
        Assert.Contains("8T + W", late, StringComparison.Ordinal);
        Assert.Contains("wdmd looks every 10 s", watchdog.Prepare(new LeaseTiming(TimeSpan.FromSeconds(1), Minute)), StringComparison.Ordinal);
        Assert.False(watchdog.IsArmed);
        Assert.DoesNotContain("register", daemon.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task While_it_is_told_in_time_the_daemon_feeds_the_device_and_when_it_is_let_go_it_goes_on()
    {
        await using var daemon = await WdmdDaemon.StartAsync();
        using var watchdog = Client(daemon);
        Assert.Null(watchdog.Feed(Now + Minute));
        await daemon.UntilAsync("it knows us", () => daemon.Log.Contains("spm test", StringComparison.Ordinal) && daemon.Log.Contains("test_live", StringComparison.Ordinal));
        var fed = Keepalives(daemon);
        await daemon.UntilAsync("it feeds on", () => Keepalives(daemon) > fed);
        Assert.Null(watchdog.Feed(Now + TimeSpan.FromSeconds(5)));
        watchdog.Disarm();
        Assert.False(watchdog.IsArmed);
        // Five seconds would not be enough for it to feed, had it not forgotten us.
        fed = Keepalives(daemon);
        await daemon.UntilAsync("it feeds without us", () => Keepalives(daemon) > fed);
        Assert.DoesNotContain("close", daemon.DeviceCalls);
    }

    [Fact]
    public async Task A_deadline_that_is_not_renewed_stops_the_feeding_until_it_is()
    {
        await using var daemon = await WdmdDaemon.StartAsync();
        var watchdog = Client(daemon);
        Assert.Null(watchdog.Feed(Now + TimeSpan.FromSeconds(12)));
        await daemon.UntilAsync("it stops feeding", () => daemon.DeviceCalls.Contains("close"));
        // Closed without the magic byte: from here the device counts down, and no call stops it.
        Assert.Equal("close", daemon.DeviceCalls[^1]);
        Assert.Contains("closed unclean", daemon.Log, StringComparison.Ordinal);
        Assert.Null(watchdog.Feed(Now + Minute));
        await daemon.UntilAsync("a renewal in time opens it again", () => daemon.DeviceCalls[^1] == "keepalive");
        watchdog.Disarm();
    }

    [Fact]
    public void Without_a_daemon_the_start_is_refused_with_the_remedy()
    {
        using var watchdog = new WdmdWatchdog("/nonexistent/wdmd.sock", "spm test", BootTimeProvider.Instance, _ => { });
        Assert.Contains("Start wdmd", watchdog.Prepare(new LeaseTiming(TimeSpan.FromSeconds(10), Minute)), StringComparison.Ordinal);
        Assert.NotNull(watchdog.Feed(Now + Minute));
        Assert.False(watchdog.IsArmed);
    }

    static TimeSpan Now => BootTimeProvider.Instance.GetElapsedTime(0);

    static WdmdWatchdog Client(WdmdDaemon daemon) => new(daemon.SocketPath, "spm test", BootTimeProvider.Instance, _ => { });

    static int Keepalives(WdmdDaemon daemon) => daemon.DeviceCalls.Count(call => call == "keepalive");
}
