using System.Threading.Channels;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Tests.Activation;

namespace OvirtSpm.Node.Tests.Roles;

/// R26: the machine waits for the term, and never longer than it would anyway.
public sealed class SleepWatchTests : IAsyncDisposable
{
    readonly ManualClock clock = new();
    readonly Script logind = new();
    readonly SleepGate gate = new();
    readonly CancellationTokenSource stop = new();
    readonly List<string> log = [];
    readonly SleepWatch watch;
    readonly Task running;

    public SleepWatchTests()
    {
        watch = new SleepWatch(logind, gate, clock, Log);
        running = watch.RunAsync(stop.Token);
    }

    [Fact]
    public async Task A_host_that_does_not_lead_lets_the_machine_sleep_at_once_and_holds_a_new_lock_when_it_wakes()
    {
        logind.Say(true);
        await UntilAsync("connected", "inhibited", "let go");
        Assert.False(gate.TryEnter());
        logind.Say(false);
        await UntilAsync("connected", "inhibited", "let go", "inhibited");
        Assert.True(gate.TryEnter());
    }

    [Fact]
    public async Task The_lock_is_held_until_the_term_is_over()
    {
        Assert.True(gate.TryEnter());
        logind.Say(true);
        await AsyncWait.UntilAsync(() => gate.IsClosed && clock.Timers > 0);
        clock.Pass(SleepWatch.TermLimit - TimeSpan.FromMilliseconds(1));
        Assert.Equal(["connected", "inhibited"], logind.Calls);
        gate.Leave();
        await UntilAsync("connected", "inhibited", "let go");
    }

    [Fact]
    public async Task A_term_that_does_not_end_keeps_the_machine_awake_for_four_seconds_only()
    {
        Assert.True(gate.TryEnter());
        logind.Say(true);
        await AsyncWait.UntilAsync(() => gate.IsClosed && clock.Timers > 0);
        clock.Pass(TimeSpan.FromSeconds(4));
        await UntilAsync("connected", "inhibited", "let go");
        Assert.Contains(log, line => line.Contains("has not ended", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_node_that_is_stopped_while_its_machine_goes_to_sleep_still_ends_its_term_first()
    {
        Assert.True(gate.TryEnter());
        logind.Say(true);
        await AsyncWait.UntilAsync(() => gate.IsClosed && clock.Timers > 0);
        await stop.CancelAsync();
        Assert.Equal(["connected", "inhibited"], logind.Calls);
        gate.Leave();
        await running;
        Assert.Equal(["connected", "inhibited", "let go", "disposed"], logind.Calls);
    }

    /// Otherwise a logind that is restarted in that moment would end this host's candidacy for good.
    [Fact]
    public async Task A_machine_that_is_never_said_to_be_awake_counts_as_awake_after_a_minute()
    {
        logind.Say(true);
        await AsyncWait.UntilAsync(() => logind.Calls.Contains("let go") && clock.Timers > 0);
        clock.Pass(SleepWatch.AwakeLimit);
        await AsyncWait.UntilAsync(() => !gate.IsClosed);
        await UntilAsync("connected", "inhibited", "let go", "disposed");
        await AsyncWait.UntilAsync(() => clock.Timers > 0);
        clock.Pass(SleepWatch.Again);
        await UntilAsync("connected", "inhibited", "let go", "disposed", "connected", "inhibited");
    }

    [Fact]
    public async Task A_refusal_is_said_once_and_forgotten_when_there_is_an_inhibitor()
    {
        await UntilAsync("connected", "inhibited");
        logind.Refusal = "nobody there";
        logind.Fail("gone");
        foreach (var _ in Enumerable.Range(0, 3))
        {
            await AsyncWait.UntilAsync(() => clock.Timers > 0);
            clock.Pass(SleepWatch.Again);
            await AsyncWait.UntilAsync(() => watch.Problem == "no sleep inhibitor: nobody there");
        }
        Assert.Equal(["no sleep inhibitor: gone", "no sleep inhibitor: nobody there"], log);
        logind.Refusal = null;
        await AsyncWait.UntilAsync(() => clock.Timers > 0);
        clock.Pass(SleepWatch.Again);
        await AsyncWait.UntilAsync(() => watch.Problem is null);
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        gate.Leave();
        await running;
        stop.Dispose();
    }

    void Log(string line)
    {
        lock (log)
        {
            log.Add(line);
        }
    }

    async Task UntilAsync(params string[] calls)
    {
        await AsyncWait.UntilAsync(() => logind.Calls.Length >= calls.Length);
        Assert.Equal(calls, logind.Calls);
    }

    sealed class Script : ISleepInhibitor, ISleepManager
    {
        readonly Channel<object> signals = Channel.CreateUnbounded<object>();
        readonly List<string> calls = [];

        public string? Refusal { get; set; }

        public string[] Calls
        {
            get
            {
                lock (calls)
                {
                    return [.. calls];
                }
            }
        }

        public void Say(bool sleeps) => signals.Writer.TryWrite(sleeps);

        public void Fail(string why) => signals.Writer.TryWrite(new IOException(why));

        public Task<ISleepManager> ConnectAsync(CancellationToken stop) => Refusal is { } why ? throw new IOException(why) : Task.FromResult<ISleepManager>(Note("connected"));

        public Task InhibitAsync(CancellationToken stop) => Task.FromResult(Note("inhibited"));

        public void LetGo() => Note("let go");

        public async Task<bool> NextAsync(CancellationToken stop) => await signals.Reader.ReadAsync(stop) switch
        {
            bool sleeps => sleeps,
            var failed => throw (IOException)failed,
        };

        public void Dispose() => Note("disposed");

        Script Note(string call)
        {
            lock (calls)
            {
                calls.Add(call);
            }
            return this;
        }
    }
}
