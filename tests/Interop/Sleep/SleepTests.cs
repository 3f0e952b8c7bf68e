using System.Diagnostics;
using OvirtSpm.Interop.Nodes;
using OvirtSpm.Node.Linux;

namespace OvirtSpm.Interop.Sleep;

/// <summary>R26 over a real D-Bus daemon.</summary>
public sealed class SleepTests
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_delay_lock_is_held_let_go_and_taken_again_and_signals_come_in_their_order()
    {
        await using var bus = await PrivateBus.StartAsync();
        await using var logind = await FakeLogind.StartAsync(bus);
        using var manager = await new LogindSleep(bus.Address, "spm test").ConnectAsync(Stop);
        await manager.InhibitAsync(Stop);
        var asked = Assert.Single(logind.Held);
        Assert.All(["sleep", "spm test", "delay"], word => Assert.Contains(word, asked, StringComparison.Ordinal));
        logind.TellSleep(true);
        Assert.True(await manager.NextAsync(Stop));
        manager.LetGo();
        await NodeCluster.WaitAsync(Patience, "the lock is let go", () => Task.FromResult(logind.Held.Length == 0));
        // Both before the answer to the next call: they wait.
        logind.TellSleep(false);
        logind.TellSleep(true);
        await manager.InhibitAsync(Stop);
        Assert.False(await manager.NextAsync(Stop));
        Assert.True(await manager.NextAsync(Stop));
        Assert.Single(logind.Held);
    }

    /// The match keeps broadcasts of others away, not what is addressed to one client: anybody on the bus could end a host's term.
    [Fact]
    public async Task What_others_than_logind_say_of_sleep_is_not_heard()
    {
        await using var bus = await PrivateBus.StartAsync();
        await using var logind = await FakeLogind.StartAsync(bus);
        using var manager = await new LogindSleep(bus.Address, "spm test").ConnectAsync(Stop);
        await manager.InhibitAsync(Stop);
        foreach (var to in new[] { $"--dest={logind.Client}", "--reply-timeout=1" })
        {
            using var sender = Process.Start(
                "dbus-send", [$"--bus={bus.Address}", "--type=signal", to, "/org/freedesktop/login1", "org.freedesktop.login1.Manager.PrepareForSleep", "boolean:true"]);
            await sender.WaitForExitAsync(Stop);
            Assert.Equal(0, sender.ExitCode);
        }
        logind.TellSleep(false);
        Assert.False(await manager.NextAsync(Stop));
    }

    [Fact]
    public async Task A_bus_without_logind_and_no_bus_at_all_are_told_apart()
    {
        await using var bus = await PrivateBus.StartAsync();
        using var manager = await new LogindSleep(bus.Address, "spm test").ConnectAsync(Stop);
        Assert.Contains("org.freedesktop.login1", (await Assert.ThrowsAsync<IOException>(() => manager.InhibitAsync(Stop))).Message, StringComparison.Ordinal);
        Assert.Contains("/nowhere", (await Assert.ThrowsAsync<IOException>(() => new LogindSleep("unix:path=/nowhere", "spm test").ConnectAsync(Stop))).Message, StringComparison.Ordinal);
        Assert.Contains("tcp:", (await Assert.ThrowsAsync<IOException>(() => new LogindSleep("tcp:host=h", "spm test").ConnectAsync(Stop))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_SPM_hands_over_before_its_machine_sleeps_and_is_not_SPM_again_before_it_is_awake()
    {
        await using var bus = await PrivateBus.StartAsync();
        await using var logind = await FakeLogind.StartAsync(bus);
        await using var cluster = await NodeCluster.CreateAsync();
        var process = await cluster.Children.StartAsync(
            "host1", "env", ["DBUS_SYSTEM_BUS_ADDRESS=" + bus.Address, NodeCluster.Program, .. cluster.Arguments(1), "--sleep", "logind"]);
        var sleeper = new TestNode(cluster, 1, process, []);
        await sleeper.JoinedAsync();
        await NodeCluster.LeaderAsync([sleeper], Patience);
        await NodeCluster.WaitAsync(Patience, "the lock is held", () => Task.FromResult(logind.Held.Length == 1));
        var other = await cluster.StartAsync(2, "--sleep", "none");
        await NodeCluster.AcquaintedAsync([sleeper, other]);

        logind.TellSleep(true);
        await NodeCluster.WaitAsync(Patience, "the machine may sleep", () => Task.FromResult(logind.Held.Length == 0));
        Assert.NotEqual("leading", (await sleeper.Client.StatusAsync()).Role);
        await sleeper.SaysAsync("not SPM: this machine may sleep");
        Assert.Same(other, await NodeCluster.LeaderAsync([sleeper, other], Patience));

        // Its rival gone, only sleep keeps it from the lease.
        await other.EndAsync(Patience);
        await NodeCluster.WaitAsync(Patience, "the lease is free", async () => (await sleeper.Client.StatusAsync()).LeaderId is null);
        Assert.Equal("following", (await sleeper.Client.StatusAsync()).Role);
        logind.TellSleep(false);
        await NodeCluster.WaitAsync(Patience, "the lock is held again", () => Task.FromResult(logind.Held.Length == 1));
        Assert.Same(sleeper, await NodeCluster.LeaderAsync([sleeper], Patience));
        await sleeper.EndAsync(Patience);
        await NodeCluster.WaitAsync(Patience, "no lock outlives the node", () => Task.FromResult(logind.Held.Length == 0));
        await sleeper.Client.DisposeAsync();
    }
}
