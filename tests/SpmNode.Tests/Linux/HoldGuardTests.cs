using OvirtSpm.Node.Linux;
using OvirtSpm.Node.Tests.Activation;

namespace OvirtSpm.Node.Tests.Linux;

/// <summary>Who ends what waits when a node does not; what it tells the kernel is written down instead.</summary>
public sealed class HoldGuardTests : IDisposable
{
    readonly string directory = Directory.CreateTempSubdirectory("spm-test-").FullName;
    readonly List<string> log = [];
    readonly List<HoldGuard> guards = [];

    public HoldGuardTests() => WriteDmsetup();

    void WriteDmsetup()
    {
        File.WriteAllText(Dmsetup, $"""
            #!/bin/sh
            [ "$1" = info ] || exec echo "$*" >>{Said}
            echo "L-sw LVM-GROUPone-spmhold3 vg-one-spmhold3"
            echo "LIsw LVM-GROUPtwo-spmhold11 vg-two-spmhold11"
            echo "L--w LVM-GROUPone-spmhold2 vg-one-spmhold2"
            echo "L-sw LVM-GROUPone-spmgate3 vg-one-spmgate3"
            echo "L-sw LVM-GROUPone-spm vg-one-spm"
            echo "L-sw LVM-GROUPone vg-one"
            echo "L-sw LVM-OTHERone-spmhold3 other-one-spmhold3"
            """);
        File.SetUnixFileMode(Dmsetup, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    string Dmsetup => Path.Combine(directory, "dmsetup");

    string Said => Path.Combine(directory, "said");

    string Lock => Path.Combine(directory, "lock");

    public void Dispose()
    {
        guards.ForEach(guard => guard.Leave());
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task What_a_node_that_is_gone_holds_is_let_go()
    {
        var guard = Start();
        guard.Leave();
        await guard.Ended;
        string[] lines =
        [
            "clear vg-one-spmhold3", "resume --noudevrules --noudevsync vg-one-spmhold3", "clear vg-two-spmhold11", "resume --noudevrules --noudevsync vg-two-spmhold11",
        ];
        Assert.Equal(lines, File.ReadAllLines(Said));
        Assert.Empty(log);
    }

    /// The lock may fall later than the node's own end: it must not be taken for its next life's.
    [Fact]
    public async Task A_node_that_ends_is_waited_for_until_its_process_is_gone()
    {
        using var held = new FileStream(Lock, FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        var guard = Start();
        guard.Dispose();
        await AsyncWait.UntilAsync(() => File.Exists(Said));
        Assert.False(guard.Ended.IsCompleted);
    }

    [Fact]
    public async Task The_next_life_of_a_node_holds_it_itself()
    {
        var guard = Start();
        using (new FileStream(Lock, FileMode.Create, FileAccess.ReadWrite, FileShare.None))
        {
            guard.Leave();
            await guard.Ended;
        }
        Assert.False(File.Exists(Said));
    }

    [Fact]
    public async Task What_a_node_that_stands_still_holds_is_let_go_and_the_guard_stays()
    {
        // It is locked by the node itself, and hears nothing for as long as this clock stands.
        using var held = new FileStream(Lock, FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        var clock = new ManualClock();
        var guard = Start(clock);
        await AsyncWait.UntilAsync(() => File.Exists(Said));
        Assert.False(guard.Ended.IsCompleted);
        guard.Leave();
        await guard.Ended;
    }

    [Fact]
    public async Task A_guard_that_was_killed_has_a_successor_that_does_what_it_would_have_done()
    {
        var clock = new ManualClock();
        var guard = Start(clock);
        guard.Kill();
        await guard.Ended;
        File.Delete(Dmsetup);
        for (var seconds = 0; seconds < 5; seconds++)
        {
            clock.Pass(TimeSpan.FromSeconds(1));
        }
        Assert.Contains("dmsetup is not there): install bash", Assert.Single(log), StringComparison.Ordinal);

        WriteDmsetup();
        clock.Pass(TimeSpan.FromSeconds(1));
        clock.Pass(TimeSpan.FromSeconds(1));
        Assert.Contains("another one watches now", log[^1], StringComparison.Ordinal);
        Assert.Equal(2, log.Count);
        guard.Leave();
        await guard.Ended;
        Assert.Equal(4, File.ReadAllLines(Said).Length);
    }

    /// It has the lock, and has not looked yet at what its former life left.
    [Fact]
    public async Task A_node_that_looks_after_nothing_yet_is_not_heard()
    {
        using var held = new FileStream(Lock, FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        Start(TimeProvider.System, lives: false);
        await AsyncWait.UntilAsync(() => File.Exists(Said));
    }

    [Fact]
    public async Task A_node_that_lives_is_heard_and_left_alone()
    {
        var clock = new ManualClock();
        Start(clock);
        for (var seconds = 0; seconds < 7; seconds++)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken);
            clock.Pass(TimeSpan.FromSeconds(1));
        }
        Assert.False(File.Exists(Said));
    }

    [Fact]
    public void Without_its_tools_it_is_refused()
    {
        var refusal = Assert.Throws<Refusal>(() => HoldGuard.Start(TimeSpan.FromSeconds(1), Lock, "LVM-GROUP", () => true, TimeProvider.System, log.Add, "no-dmsetup"));
        Assert.Contains("(no-dmsetup is not there): install bash", refusal.Message, StringComparison.Ordinal);
    }

    HoldGuard Start(TimeProvider? clock = null, bool lives = true)
    {
        guards.Add(HoldGuard.Start(TimeSpan.FromSeconds(0.1), Lock, "LVM-GROUP", () => lives, clock ?? TimeProvider.System, log.Add, Dmsetup));
        return guards[^1];
    }
}
