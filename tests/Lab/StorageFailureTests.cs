using System.Diagnostics;
using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

/// <summary>The SPM's path to the LUN, or to the other hosts, is away and comes back.</summary>
[Collection(nameof(SharedPool))]
public class StorageFailureTests(SharedPool shared, ITestOutputHelper output)
{
    [Fact(Explicit = true)]
    public Task An_SPM_whose_storage_fails_is_replaced_and_follows_when_it_is_back() => LoseStorageAsync(LabPathState.Failing);

    [Fact(Explicit = true)]
    public Task An_SPM_whose_storage_hangs_is_replaced_and_follows_when_it_is_back() => LoseStorageAsync(LabPathState.Hanging);

    /// An I/O takes a hundred times longer than usual, and yet far less than its timeout: it could lead, and another one does so better.
    [Fact(Explicit = true)]
    public Task An_SPM_whose_storage_is_slow_hands_over() => shared.UseAsync(async pool =>
    {
        var (former, other, _) = await pool.PartsAsync();
        var guest = await LabGuest.StartAsync(pool, other);
        var slow = Stopwatch.StartNew();
        await former.Host.SetPathAsync(pool.Lun, LabPathState.Slow);
        var mebibytes = 256;
        await LabWait.UntilAsync(LabWait.Patience, () => $"the former SPM hands over: {former.Log}", async () =>
        {
            await pool.ExtendAsync(other, guest.Volume, mebibytes += 8);
            return await other.StatusAsync() is { Role: "leading" };
        });
        output.WriteLine($"figure: ten I/Os a second: another one led after {slow.Elapsed.TotalSeconds:0.0} s and {(mebibytes - 256) / 8} extends");
        await former.Host.SetPathAsync(pool.Lun, LabPathState.Whole);
        await pool.ExtendAsync(other, guest.Volume, 1024);
        await guest.VerifyAsync();
        Assert.Equal(0, guest.Failed);
        await pool.VerifyAsync(other);
    });

    private Task LoseStorageAsync(LabPathState state) => shared.UseAsync(async pool =>
    {
        var (former, other, bound) = await pool.PartsAsync();
        var (kept, guest) = (await LabGuest.StartAsync(pool, other), await LabGuest.StartAsync(pool, former));
        var lost = Stopwatch.StartNew();
        await former.Host.SetPathAsync(pool.Lun, state);
        await pool.LeaderAsync(other);
        output.WriteLine($"figure: the SPM's storage is {state}: another one led after {lost.Elapsed.TotalSeconds:0.0} s, the bound is {bound:0.0} s on a machine that keeps up");
        await pool.ExtendAsync(other, kept.Volume, 512);

        var back = Stopwatch.StartNew();
        await former.Host.SetPathAsync(pool.Lun, LabPathState.Whole);
        // A node whose write hung past the deadline was killed by the kernel's timer, and ends now that the write returns (R25).
        await LabWait.UntilAsync(LabWait.Patience, () => $"the former SPM follows, or has ended: {former.Log}",
            async () => former.HasEnded || await former.StatusAsync() is { Role: "following" });
        output.WriteLine($"figure: it is back: the former SPM {(former.HasEnded ? "had been killed by the kernel's timer" : $"follows after {back.Elapsed.TotalSeconds:0.0} s")}");
        await guest.WritesOnAsync();
        await pool.MendAsync();
        await kept.VerifyAsync();
        await guest.VerifyAsync();
        Assert.Equal(0, kept.Failed);
        Assert.Equal(state == LabPathState.Failing, guest.Failed > 0);
        await pool.VerifyAsync(other);
    });

    /// Nothing but the LUN is needed to agree: who leads does not change, only who can ask it does.
    [Fact(Explicit = true)]
    public Task An_SPM_without_a_network_stays_SPM() => shared.UseAsync(async pool =>
    {
        var (leader, other, _) = await pool.PartsAsync();
        var (own, far) = (await LabGuest.StartAsync(pool, leader), await LabGuest.StartAsync(pool, other));
        var epoch = (await pool.IsAsync(leader, "leading")).Epoch;
        await leader.Host.CutNetworkAsync();
        // Longer than any lease lasts without being renewed.
        await Task.Delay(TimeSpan.FromSeconds(10 * LabPool.IoTimeout), TestContext.Current.CancellationToken);
        await pool.ExtendAsync(leader, own.Volume, 512);
        await leader.Host.CutNetworkAsync(cut: false);
        var back = Stopwatch.StartNew();
        await pool.ExtendAsync(other, far.Volume, 512);
        output.WriteLine($"figure: no network for {10 * LabPool.IoTimeout} s: the same epoch {epoch}; the other host's extend is done {back.Elapsed.TotalSeconds:0.0} s after it is back");
        Assert.Equal(epoch, (await pool.IsAsync(leader, "leading")).Epoch);
        await own.VerifyAsync();
        await far.VerifyAsync();
        Assert.Equal((0, 0), (own.Failed, far.Failed));
        await pool.VerifyAsync(other);
    });
}
