using System.Diagnostics;
using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

/// <summary>What guests write, and where, when hosts and nodes die below or beside them.</summary>
[Collection(nameof(SharedPool))]
public class GuestFailureTests(SharedPool shared, ITestOutputHelper output)
{
    /// R11: nobody but a person knows that the host writes no more.
    [Fact(Explicit = true)]
    public Task A_dead_hosts_volume_is_not_given_away_before_somebody_confirms_that_it_is_dead() => LoseFollowerAsync(async (pool, leader, dead) =>
    {
        var (code, body) = (0, "");
        await LabWait.UntilAsync(LabWait.Patience, () => $"the host is confirmed dead: {code} {body}", async () =>
        {
            (code, body) = await leader.AskAsync("POST", $"/v1/hosts/{dead.HostId}/confirm-dead", $$"""{"name":"{{dead.Host.Name}}"}""");
            return code == 200;
        });
    });

    [Fact(Explicit = true)]
    public Task A_dead_hosts_volume_is_not_given_away_before_it_returns() => LoseFollowerAsync(async (pool, _, dead) =>
    {
        var node = await pool.RestartAsync(dead);
        await pool.IsAsync(node, "following");
        Assert.Empty((await node.StatusAsync())!.Active);
    });

    [Fact(Explicit = true)]
    public Task Nodes_that_are_killed_are_not_noticed_by_guests_and_go_on_when_they_are_started_again() => shared.UseAsync(async pool =>
    {
        var (leader, other, _) = await pool.PartsAsync();
        LabGuest[] guests = [await LabGuest.StartAsync(pool, leader), await LabGuest.StartAsync(pool, other)];
        var killed = Stopwatch.StartNew();
        await Task.WhenAll(guests.Select(guest => guest.Node.SignalAsync("KILL")));
        await LabWait.UntilAsync(LabWait.Patience, () => "both nodes are gone", () => Task.FromResult(leader.HasEnded && other.HasEnded));
        await Task.WhenAll(guests.Select(guest => guest.WritesOnAsync()));
        await pool.MendAsync();
        output.WriteLine($"figure: both nodes killed and started again: one leads after {killed.Elapsed.TotalSeconds:0.0} s, most of them two starts under emulation");
        foreach (var guest in guests)
        {
            var node = pool.Nodes.Single(node => node.HostId == guest.Node.HostId);
            Assert.Equal(guest.Volume, Assert.Single((await node.StatusAsync())!.Active).Volume);
            await pool.ExtendAsync(node, guest.Volume, 512);
            await guest.WritesOnAsync();
            await guest.VerifyAsync();
            Assert.Equal(0, guest.Failed);
        }
        await pool.VerifyAsync(pool.Nodes[0]);
    });

    [Fact(Explicit = true)]
    public Task All_hosts_are_lost_and_come_back() => shared.UseAsync(async pool =>
    {
        LabGuest[] guests = [await LabGuest.StartAsync(pool, pool.Nodes[0]), await LabGuest.StartAsync(pool, pool.Nodes[1])];
        await Task.WhenAll(pool.Nodes.Select(node => node.Host.PowerOffAsync()));
        var off = Stopwatch.StartNew();
        await pool.MendAsync();
        output.WriteLine($"figure: all hosts powered off and on again: one leads after {off.Elapsed.TotalSeconds:0.0} s, most of them two boots under emulation");
        foreach (var guest in guests)
        {
            await guest.GoOnAsync(pool.Nodes.Single(node => node.HostId == guest.Node.HostId));
            await guest.VerifyAsync();
        }
        await pool.VerifyAsync(pool.Nodes[0]);
    });

    /// <param name="release">What must be done until the volume that the host had active can be deleted.</param>
    private Task LoseFollowerAsync(Func<LabPool, LabNode, LabNode, Task> release) => shared.UseAsync(async pool =>
    {
        var (leader, other, _) = await pool.PartsAsync();
        var (kept, guest) = (await LabGuest.StartAsync(pool, leader), await LabGuest.StartAsync(pool, other));
        await other.Host.PowerOffAsync();
        var off = Stopwatch.StartNew();
        var (code, refusal) = await pool.DeleteAsync(leader, guest.Volume);
        Assert.True(code == 409 && refusal.Contains(other.Host.Name), $"{code} {refusal}");
        await pool.ExtendAsync(leader, kept.Volume, 512);

        await release(pool, leader, other);
        output.WriteLine($"figure: a host with an active volume is lost: the volume can be deleted after {off.Elapsed.TotalSeconds:0.0} s");
        (code, refusal) = await pool.DeleteAsync(leader, guest.Volume);
        Assert.True(code == 200, $"{code} {refusal}");
        await pool.MendAsync();
        Assert.DoesNotContain((await pool.Nodes.Single(node => node.HostId == other.HostId).StatusAsync())!.Active, active => active.Volume == guest.Volume);
        await kept.VerifyAsync();
        Assert.Equal(0, kept.Failed);
        await pool.VerifyAsync(leader);
    });
}
