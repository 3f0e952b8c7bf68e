using System.Diagnostics;
using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

/// <summary>What people do to a guest's QEMU while a write of the guest waits behind the end of its volume and there is no SPM.</summary>
public class MachineHoldTests(ITestOutputHelper output)
{
    private const int HoldLimit = 12, All = 10 * LabMachine.Round;

    /// <summary>Longer than anything may wait, for hosts that are emulated and share their cores.</summary>
    private const double Patience = HoldLimit + 25;

    /// A stop by a person is one: the guest goes on when that person says so, although its space has come long before.
    [Fact(Explicit = true)]
    public async Task Stop_returns_in_time_and_the_guest_goes_on_when_it_is_told_to()
    {
        await using var pool = await CreateAsync();
        var (machine, former, node) = await HoldAsync(pool);
        await AnsweredAsync(machine, "stop");
        Assert.Equal(0, await LabTail.CountAsync(node.Host));
        await pool.LeaderAsync(node);
        await pool.ExtendAsync(node, machine.Volume, All);
        await machine.HeardAsync(await machine.AskAsync("query-status"));
        Assert.Contains("\"status\": \"paused\"", machine.Heard);
        await machine.ContinueAsync();
        await machine.EndAsync(pool, All);
        Assert.True(former.HasEnded);
    }

    [Fact(Explicit = true)]
    public async Task A_snapshot_is_made_in_time_and_the_guest_goes_on_in_it()
    {
        await using var pool = await CreateAsync();
        var (_, follower, _) = await pool.PartsAsync();
        var overlay = await pool.CreateVolumeAsync(follower, gibibytes: 5);
        var device = await follower.ActivateAsync(overlay);
        var (machine, _, node) = await HoldAsync(pool);
        await AnsweredAsync(machine, "blockdev-add", $$"""{"driver":"qcow2","node-name":"overlay","backing":null,"file":{{LabMachine.Json(device)}}}""");
        await AnsweredAsync(machine, "blockdev-snapshot", """{"node":"disk","overlay":"overlay"}""");
        Assert.Equal(0, await LabTail.CountAsync(node.Host));
        await machine.SaidAsync("guest: read all");
        output.WriteLine($"figure: its image is where it was, what it wrote since is in {(await node.StatusAsync())!.Active.Single(active => active.Volume == overlay).AllocatedBytes >> 20} MiB");
        // What it has by now: asking for less changes nothing.
        await pool.ExtendAsync(node, overlay, 8);
        await machine.EndAsync(pool, All);
        await node.DoAsync("POST", $"/v1/volumes/{overlay}/deactivate");
    }

    [Fact(Explicit = true)]
    public Task A_QEMU_that_is_told_to_quit_is_gone_in_time_and_writes_no_more() => GoAsync(machine => machine.AskAsync("quit"));

    [Fact(Explicit = true)]
    public Task A_QEMU_that_is_killed_is_gone_in_time_and_writes_no_more() => GoAsync(machine => machine.KillAsync());

    /// Nobody but its guard is there to end what waits. A node that goes on, or its next life, holds again and lets the guest go on.
    [Theory(Explicit = true)]
    [InlineData("KILL")]
    [InlineData("STOP")]
    public async Task What_waits_ends_in_time_when_its_node_is_killed_or_stands_still(string signal)
    {
        await using var pool = await CreateAsync();
        var (machine, _, node) = await HoldAsync(pool);
        await node.SignalAsync(signal);
        var left = Stopwatch.StartNew();
        await machine.PausedAsync(forSpace: false);
        Say($"its node got SIG{signal} and the guest is paused", left);
        Assert.Equal(0, await LabTail.CountAsync(node.Host));
        if (signal == "STOP")
        {
            await node.SignalAsync("CONT");
        }
        await pool.MendAsync();
        node = pool.Nodes.Single(one => one.HostId == node.HostId);
        await pool.ExtendAsync(node, machine.Volume, All);
        await machine.RunsAsync();
        output.WriteLine($"figure: the guest goes on {left.Elapsed.TotalSeconds:0.0} s after that, its node {(signal == "KILL" ? "was started again, and watched it again" : "went on")}");
        await machine.EndAsync(pool, All);
    }

    private async Task GoAsync(Func<LabMachine, Task> leave)
    {
        await using var pool = await CreateAsync();
        var (machine, _, node) = await HoldAsync(pool);
        var left = Stopwatch.StartNew();
        await leave(machine);
        await machine.GoneAsync();
        Say("its process was gone", left);
        Assert.Equal(0, await LabTail.CountAsync(node.Host));
        var bytes = await node.Host.SizeAsync(await LabPool.DeviceAsync(node, machine.Volume));
        var there = await machine.ContentAsync(bytes);
        await pool.LeaderAsync(node);
        await pool.ExtendAsync(node, machine.Volume, All);
        Assert.Equal(there, await machine.ContentAsync(bytes));
        await node.DoAsync("POST", $"/v1/volumes/{machine.Volume}/deactivate");
        await pool.VerifyAsync(node);
    }

    private static Task<LabPool> CreateAsync() => LabPool.CreateAsync(2, options: $"--tail --hold-limit {HoldLimit}");

    /// <returns>A guest with a write that waits, the SPM that was killed, and the guest's node.</returns>
    private static async Task<(LabMachine Machine, LabNode Former, LabNode Node)> HoldAsync(LabPool pool)
    {
        var (leader, node, _) = await pool.PartsAsync();
        var machine = await LabMachine.CreateAsync(pool, node, All);
        await machine.ContinueAsync();
        await machine.WroteAsync(All / 4);
        await leader.Host.PowerOffAsync();
        await LabTail.WaitingAsync(node.Host);
        return (machine, leader, node);
    }

    private async Task AnsweredAsync(LabMachine machine, string command, string arguments = "{}")
    {
        var asked = Stopwatch.StartNew();
        var id = await machine.AskAsync(command, arguments);
        await machine.HeardAsync($"\"id\": \"{id}\"");
        Assert.DoesNotContain("\"error\"", machine.Heard);
        Say($"QMP {command} was answered", asked);
    }

    private void Say(string what, Stopwatch since)
    {
        output.WriteLine($"figure: with a write that waits and no SPM, {what} after {since.Elapsed.TotalSeconds:0.0} s; nothing waits longer than {HoldLimit} s");
        Assert.True(since.Elapsed.TotalSeconds < Patience, $"{since.Elapsed.TotalSeconds:0.0} s");
    }
}
