using System.Diagnostics;
using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

/// <summary>The SPM's host is powered off, or stands still and goes on later.</summary>
[Collection(nameof(SharedPool))]
public class FailureTests(SharedPool shared, ITestOutputHelper output)
{
    [Fact]
    public Task The_SPMs_host_is_powered_off_and_another_one_leads() => shared.UseAsync(async pool =>
    {
        var (former, other, bound) = await pool.PartsAsync();
        var guest = await LabGuest.StartAsync(pool, other);
        var off = Stopwatch.StartNew();
        await former.Host.PowerOffAsync();
        await LedByAsync(pool, other, "power-off of the SPM's host", off, bound);
        await pool.ExtendAsync(other, guest.Volume, 512);
        await guest.VerifyAsync();
        Assert.Equal(0, guest.Failed);
        await pool.VerifyAsync(other);
    });

    [Fact(Explicit = true)]
    public async Task Of_three_hosts_one_after_the_other_is_powered_off_and_comes_back()
    {
        await using var pool = await LabPool.CreateAsync(3);
        for (var round = 0; round < 3; round++)
        {
            var former = await pool.LeaderOfAllAsync();
            LabNode[] others = [.. pool.Nodes.Where(node => node != former)];
            var volume = await pool.CreateVolumeAsync(others[0]);
            await former.Host.PowerOffAsync();
            var next = await pool.LeaderAsync(others);
            await pool.ExtendAsync(next, volume, 512);
            await pool.RestartAsync(former);
            await pool.VerifyAsync(next);
        }
    }

    [Fact(Explicit = true)]
    public Task An_SPM_that_is_frozen_for_less_than_its_lease_goes_on() => shared.UseAsync(async pool =>
    {
        var (leader, other, _) = await pool.PartsAsync();
        var guest = await LabGuest.StartAsync(pool, leader);
        var epoch = (await pool.IsAsync(leader, "leading")).Epoch;
        var seconds = 2 * LabPool.IoTimeout;
        leader.Host.Freeze();
        await Task.Delay(TimeSpan.FromSeconds(seconds), TestContext.Current.CancellationToken);
        leader.Host.Thaw();
        var thawed = Stopwatch.StartNew();
        await pool.ExtendAsync(leader, guest.Volume, 512);
        output.WriteLine($"figure: frozen for {seconds} s of a lease of {8 * LabPool.IoTimeout} s: the next extend is answered {thawed.Elapsed.TotalSeconds:0.0} s after the thaw");
        Assert.Equal(epoch, (await pool.IsAsync(leader, "leading")).Epoch);
        await guest.VerifyAsync();
        Assert.Equal(0, guest.Failed);
        await pool.VerifyAsync(other);
    });

    /// The former SPM has a lease in its memory that is another's on the disk.
    [Fact(Explicit = true)]
    public Task An_SPM_that_is_frozen_for_longer_than_its_lease_leads_no_more_when_it_thaws() => shared.UseAsync(async pool =>
    {
        var (former, other, bound) = await pool.PartsAsync();
        var (kept, guest) = (await LabGuest.StartAsync(pool, other), await LabGuest.StartAsync(pool, former));
        var frozen = Stopwatch.StartNew();
        former.Host.Freeze();
        await LedByAsync(pool, other, "the SPM's host stands still", frozen, bound);
        await pool.ExtendAsync(other, kept.Volume, 512);
        former.Host.Thaw();
        await GivesUpAsync(pool, former, frozen);
        await pool.MendAsync();
        await guest.WritesOnAsync();
        await kept.VerifyAsync();
        await guest.VerifyAsync();
        Assert.Equal((0, 0), (kept.Failed, guest.Failed));
        await pool.VerifyAsync(other);
    });

    /// Its texts and headers are on their way when it stops, and reach the LUN when another one leads: R2, R5 and the scrub are for this.
    [Fact(Explicit = true)]
    public Task An_SPM_that_is_frozen_in_the_middle_of_a_commit_and_thaws_under_another_SPM_loses_nothing() => shared.UseAsync(async pool =>
    {
        var (former, other, bound) = await pool.PartsAsync();
        var guest = await LabGuest.StartAsync(pool, other);
        var volume = await pool.CreateVolumeAsync(former);
        var stuck = Stopwatch.StartNew();
        await former.Host.SetPathAsync(pool.Lun, LabPathState.HoldingWrites);
        var asked = former.AskAsync("POST", $"/v1/volumes/{volume}/extend", """{"sizeBytes":536870912}""");
        // One may be a lease's renewal; the others are the commit's.
        await LabWait.UntilAsync(LabWait.Patience, () => $"a commit is on its way: {former.Log}",
            async () => int.Parse((await former.Host.DoAsync("cat /sys/block/sda/inflight")).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) > 1);
        former.Host.Freeze();
        await LedByAsync(pool, other, "the SPM's host stands still in the middle of a commit", stuck, bound);
        await pool.ExtendAsync(other, guest.Volume, 512);
        former.Host.Thaw();
        await former.Host.SetPathAsync(pool.Lun, LabPathState.Whole);
        await GivesUpAsync(pool, former, stuck);
        Assert.NotEqual(200, (await asked).Code);
        await pool.MendAsync();
        await pool.ExtendAsync(other, volume, 768);
        await guest.VerifyAsync();
        Assert.Equal(0, guest.Failed);
        await pool.VerifyAsync(former);
    });

    private async Task LedByAsync(LabPool pool, LabNode next, string what, Stopwatch since, double bound)
    {
        await pool.LeaderAsync(next);
        output.WriteLine($"figure: {what}: another one led after {since.Elapsed.TotalSeconds:0.0} s, the bound is {bound:0.0} s on a machine that keeps up");
    }

    /// <summary>The kernel's timer kills its node at the deadline that passed meanwhile (R25), unless the node is quicker to see it.</summary>
    private async Task GivesUpAsync(LabPool pool, LabNode former, Stopwatch since)
    {
        await LabWait.UntilAsync(LabWait.Patience, () => $"the former SPM gives up: {former.Log}",
            async () => former.HasEnded || await former.StatusAsync() is { Role: not "leading" });
        output.WriteLine($"figure: thawed, and after {since.Elapsed.TotalSeconds:0.0} s in all {(former.HasEnded ? "its node is killed by the kernel's timer" : "its node leads no more")}");
        Assert.NotEqual(former, await pool.LeaderAsync());
    }
}
