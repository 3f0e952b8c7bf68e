using OvirtSpm.Leases;
using OvirtSpm.Node.Linux;
using OvirtSpm.Node.Tests.Activation;

namespace OvirtSpm.Node.Tests.Linux;

/// <summary>R21: fed while the deadline holds and never after it; disarmed only when told; refused when its time does not fit.</summary>
public sealed class DeviceWatchdogTests : IDisposable
{
    static readonly LeaseTiming Timing = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3));

    readonly ManualClock clock = new();
    readonly FakeFile file = new();
    readonly List<string> log = [];
    readonly DeviceWatchdog watchdog;

    public DeviceWatchdogTests() => watchdog = new DeviceWatchdog(file, clock, log.Add);

    public void Dispose() => watchdog.Dispose();

    [Fact]
    public void What_a_former_life_left_armed_is_disarmed_at_start_and_nothing_is_armed_then()
    {
        Assert.Null(watchdog.Prepare(Timing));
        Assert.Equal(["open", "set 3", "magic close"], file.Calls);
        Assert.False(watchdog.IsArmed);
    }

    /// Open, it counts down: closed without the magic it would reset a machine whose node only refused to start.
    [Fact]
    public void A_device_that_refuses_its_timeout_is_refused_and_closed_in_order()
    {
        file.RefusesTimeout = true;
        Assert.Contains("too long", watchdog.Prepare(Timing), StringComparison.Ordinal);
        Assert.Equal(["open", "magic close"], file.Calls);
    }

    /// A device that can says so before it fires; one that then cannot is used all the same.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_comes_before_the_reset_is_announced_by_a_device_that_can(bool refuses)
    {
        (file.Options, file.RefusesPretimeout) = (0x8380, refuses);
        Assert.Null(watchdog.Prepare(Timing));
        file.Clear();
        Assert.Null(watchdog.Feed(TimeSpan.FromSeconds(8)));
        Assert.Equal(["open", "set 3", "pre 1", "fed"], file.Calls.Take(4));
        Assert.Equal(refuses, log.Exists(line => line.Contains("without saying so", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Fed_again_and_again_while_the_deadline_holds_and_not_once_after_it()
    {
        watchdog.Prepare(Timing);
        file.Clear();
        Assert.Null(watchdog.Feed(TimeSpan.FromSeconds(8)));
        Assert.Equal(["open", "set 3", "fed"], file.Calls.Take(3));
        Assert.True(watchdog.IsArmed);
        await UntilAsync(() => file.Fed >= 3);

        // The first moment at which others may count it as over.
        clock.Pass(TimeSpan.FromSeconds(8));
        Assert.True(watchdog.IsArmed);
        var fed = file.Fed;
        await Task.Delay(TimeSpan.FromSeconds(3) / 4 * 2.5, TestContext.Current.CancellationToken);
        Assert.Equal(fed, file.Fed);
        Assert.DoesNotContain("magic close", file.Calls);

        // A renewal that came in time after all.
        Assert.Null(watchdog.Feed(TimeSpan.FromSeconds(16)));
        Assert.Equal(fed + 1, file.Fed);
        Assert.Single(file.Calls, call => call == "open");
    }

    [Fact]
    public void Disarmed_when_nothing_is_outstanding_and_armed_again_for_the_next_term()
    {
        watchdog.Prepare(Timing);
        watchdog.Feed(TimeSpan.FromSeconds(8));
        watchdog.Disarm();
        Assert.Equal("magic close", file.Calls[^1]);
        Assert.False(watchdog.IsArmed);
        file.Clear();
        watchdog.Disarm();
        Assert.Empty(file.Calls);
        watchdog.Feed(TimeSpan.FromSeconds(8));
        Assert.Equal(["open", "set 3", "fed"], file.Calls.Take(3));
    }

    [Fact]
    public void A_deadline_that_has_passed_already_arms_without_feeding()
    {
        watchdog.Prepare(Timing);
        clock.Pass(TimeSpan.FromSeconds(9));
        watchdog.Feed(TimeSpan.FromSeconds(8));
        Assert.Equal(0, file.Fed);
        Assert.True(watchdog.IsArmed);
    }

    [Theory]
    [InlineData(0x8180, 4, 3, "takes 4 s when asked for 3: this host would be reset up to 12 s after its last renewal, others take over after 11 s")]
    [InlineData(0x8180, 3, 0, "is of no use to a pool whose watchdog timeout W is 0 s")]
    [InlineData(0x8080, 3, 3, "cannot do what is needed")]
    public void A_device_that_does_not_fit_the_arithmetic_is_refused_and_left_disarmed(uint options, int takes, int poolTimeout, string expected)
    {
        (file.Options, file.Takes) = (options, TimeSpan.FromSeconds(takes));
        var refused = watchdog.Prepare(new LeaseTiming(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(poolTimeout)));
        Assert.Contains(expected, refused, StringComparison.Ordinal);
        Assert.Equal(options == 0x8180, refused!.Contains("a host is dead after  8T + W", StringComparison.Ordinal));
        Assert.Equal("magic close", file.Calls[^1]);
    }

    [Fact]
    public void A_device_that_cannot_be_opened_is_named_when_it_is_armed()
    {
        watchdog.Prepare(Timing);
        file.Fails = true;
        Assert.Contains("no such watchdog", watchdog.Feed(TimeSpan.FromSeconds(8)), StringComparison.Ordinal);
        Assert.False(watchdog.IsArmed);
        Assert.Contains("no such watchdog", watchdog.Prepare(Timing), StringComparison.Ordinal);
    }

    [Fact]
    public void A_path_that_is_no_watchdog_is_refused_with_the_call_that_failed()
    {
        using var missing = new DeviceWatchdog(new WatchdogFile("/nonexistent/watchdog"), clock, log.Add);
        Assert.Contains("opening /nonexistent/watchdog failed", missing.Prepare(Timing), StringComparison.Ordinal);
        using var other = new DeviceWatchdog(new WatchdogFile("/dev/null"), clock, log.Add);
        Assert.Contains("WDIOC_GETSUPPORT on /dev/null failed", other.Prepare(Timing), StringComparison.Ordinal);
    }

    static async Task UntilAsync(Func<bool> holds)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!holds())
        {
            await Task.Delay(5, limit.Token);
        }
    }

    sealed class FakeFile : IWatchdogFile
    {
        readonly List<string> calls = [];

        public string Path => "/dev/fake";

        public uint Options { get; set; } = 0x8180;

        public TimeSpan? Takes { get; set; }

        public bool Fails { get; set; }

        public IReadOnlyList<string> Calls
        {
            get
            {
                lock (calls)
                {
                    return [.. calls];
                }
            }
        }

        public int Fed => Calls.Count(call => call == "fed");

        public void Clear()
        {
            lock (calls)
            {
                calls.Clear();
            }
        }

        public void Open()
        {
            if (Fails)
            {
                throw new IOException("no such watchdog");
            }
            Note("open");
        }

        public (uint Options, string Identity) Support() => (Options, "Fake");

        public bool RefusesTimeout { get; set; }

        public bool RefusesPretimeout { get; set; }

        public void SetPretimeout(TimeSpan before)
        {
            Note($"pre {before.TotalSeconds:0}");
            if (RefusesPretimeout)
            {
                throw new IOException("no governor");
            }
        }

        public TimeSpan SetTimeout(TimeSpan timeout)
        {
            if (RefusesTimeout)
            {
                throw new IOException("this timeout is too long for the device");
            }
            Note($"set {timeout.TotalSeconds}");
            return Takes ?? timeout;
        }

        public void KeepAlive() => Note("fed");

        public void MagicClose() => Note("magic close");

        void Note(string call)
        {
            lock (calls)
            {
                calls.Add(call);
            }
        }
    }
}
