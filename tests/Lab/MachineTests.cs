using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

/// <summary>A guest with a kernel of its own writes past the end of its thin disk again and again.</summary>
public class MachineTests(ITestOutputHelper output)
{
    /// <summary>Half of it is written before, half after the SPM is lost.</summary>
    private const int Short = 16 * LabMachine.Round;

    [Fact(Explicit = true)]
    public async Task A_guest_writes_4_GiB_through_twenty_extends_and_is_never_paused()
    {
        const int All = 133 * LabMachine.Round;
        await using var pool = await LabPool.CreateAsync(2, options: "--tail");
        var (_, node, _) = await pool.PartsAsync();
        await WarmUpAsync(pool, node);
        var machine = await LabMachine.CreateAsync(pool, node, All);
        await machine.ContinueAsync();
        await machine.SaidAsync("guest: read all");
        var disk = await machine.DiskAsync();
        output.WriteLine($"figure: {machine.Figure}; {disk.Extends} extends, slowest {disk.LatenciesMilliseconds.Max():0} ms");
        Assert.True(disk.Extends >= 20, $"{disk.Extends}");
        AssertNeverPaused(machine);
        Assert.True(machine.Writes.Max() < 1000, $"{machine.Writes.Max()} ms");
        await machine.EndAsync(pool, All);
    }

    /// Nobody is told of its thresholds: what is written behind the end is what asks for space.
    [Fact(Explicit = true)]
    public async Task A_guest_that_nobody_watches_waits_at_each_end_and_is_never_paused()
    {
        await using var pool = await LabPool.CreateAsync(2, options: "--tail");
        var (_, node, _) = await pool.PartsAsync();
        var machine = await LabMachine.CreateAsync(pool, node, Short, watched: false);
        await machine.ContinueAsync();
        await machine.SaidAsync("guest: read all");
        output.WriteLine($"figure: unwatched, with the tail: {machine.Figure}; its volume has {(await node.StatusAsync())!.Active[0].AllocatedBytes >> 20} MiB");
        AssertNeverPaused(machine);
        await machine.EndAsync(pool, Short);
    }

    /// The failover's bound is below the hold limit.
    [Fact(Explicit = true)]
    public async Task A_guest_whose_SPM_is_lost_waits_for_the_next_one_and_is_never_paused()
    {
        await using var pool = await LabPool.CreateAsync(2, options: "--tail --hold-limit 110");
        var (machine, bound) = await LoseSpmAsync(pool);
        await machine.SaidAsync("guest: read all");
        output.WriteLine($"figure: the SPM's host was powered off, the bound is {bound:0.0} s on a machine that keeps up: {machine.Figure}");
        AssertNeverPaused(machine);
        await machine.EndAsync(pool, Short);
    }

    /// The failover takes longer than the hold limit.
    [Fact(Explicit = true)]
    public async Task A_guest_that_waited_for_the_next_SPM_as_long_as_it_may_is_paused_and_continued()
    {
        await using var pool = await LabPool.CreateAsync(2, options: "--tail --hold-limit 2");
        var (machine, bound) = await LoseSpmAsync(pool);
        // It can go on for as long as it has space, and at ten MiB a second that is most of the failover.
        await machine.PausedAsync();
        var paused = await machine.RunsAsync();
        await machine.SaidAsync("guest: read all");
        output.WriteLine($"figure: the SPM's host was powered off, the bound is {bound:0.0} s and nothing waits longer than 2 s: paused, continued {paused.TotalSeconds:0.0} s later; {machine.Figure}");
        await machine.EndAsync(pool, Short);
    }

    [Fact(Explicit = true)]
    public async Task Without_the_tail_a_guest_at_the_end_is_paused_and_continued_when_its_node_has_extended_it()
    {
        await using var pool = await LabPool.CreateAsync(2);
        var (_, node, _) = await pool.PartsAsync();
        var machine = await LabMachine.CreateAsync(pool, node, Short, watched: false);
        await machine.ContinueAsync();
        await machine.PausedAsync();
        await machine.WatchAsync();
        await machine.RunsAsync();
        await machine.SaidAsync("guest: read all");
        output.WriteLine($"figure: paused at the end, then watched, without the tail: {machine.Figure}; {(await machine.DiskAsync()).Extends} extends");
        await machine.EndAsync(pool, Short);
    }

    /// <summary>Both nodes compile what an extend needs, which takes seconds under emulation: the first ones would be taken for what an extend takes.</summary>
    private static async Task WarmUpAsync(LabPool pool, LabNode node)
    {
        var volume = await pool.CreateVolumeAsync(node);
        await node.ActivateAsync(volume);
        // The very first one may take longer than nodes wait for each other.
        await pool.ExtendAsync(node, volume, 256);
        await LabExtends.RunAsync(pool, node, volume, 30);
        await node.DoAsync("POST", $"/v1/volumes/{volume}/deactivate");
        var (code, body) = await pool.DeleteAsync(await pool.LeaderAsync(), volume);
        Assert.True(code == 200, $"{code} {body}");
    }

    /// <returns>A guest that writes on, and within how many seconds there should be another SPM.</returns>
    private static async Task<(LabMachine Machine, double Bound)> LoseSpmAsync(LabPool pool)
    {
        var (leader, node, bound) = await pool.PartsAsync();
        await WarmUpAsync(pool, node);
        var machine = await LabMachine.CreateAsync(pool, node, Short);
        await machine.ContinueAsync();
        await machine.WroteAsync(Short / 2);
        await leader.Host.PowerOffAsync();
        return (machine, bound);
    }

    private static void AssertNeverPaused(LabMachine machine)
    {
        Assert.DoesNotContain("\"STOP\"", machine.Heard);
        Assert.DoesNotContain("BLOCK_IO_ERROR", machine.Heard);
    }
}
