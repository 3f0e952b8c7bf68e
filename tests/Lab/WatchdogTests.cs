using System.Diagnostics;
using OvirtSpm.Lab.Hosts;

namespace OvirtSpm.Lab;

/// <summary>R21: a watchdog resets a host that stands still with the SPM lease, and no other.</summary>
public class WatchdogTests(ITestOutputHelper output)
{
    [Theory(Explicit = true)]
    [InlineData("/dev/watchdog0", "Software Watchdog")]
    [InlineData("/dev/watchdog1", "i6300ESB timer")]
    public async Task A_host_whose_node_stands_still_is_reset_if_it_is_SPM(string watchdog, string identity)
    {
        await using var pool = await LabPool.CreateAsync(2, watchdog);
        await LabRounds.InARowAsync(() => StandStillAsync(pool, watchdog, identity));
    }

    private async Task StandStillAsync(LabPool pool, string watchdog, string identity)
    {
        await pool.MendAsync();
        var (former, other, bound) = await pool.PartsAsync();
        Assert.Equal(identity, (await former.Host.DoAsync($"cat /sys/class/watchdog/{Path.GetFileName(watchdog)}/identity")).Trim());
        var guest = await LabGuest.StartAsync(pool, other);

        await other.SignalAsync("STOP");
        // Longer than lease and watchdog together: an SPM would be reset by now.
        await Task.Delay(TimeSpan.FromSeconds((10 * LabPool.IoTimeout) + LabPool.WatchdogTimeout), TestContext.Current.CancellationToken);
        await guest.WritesOnAsync();
        await other.SignalAsync("CONT");
        await pool.IsAsync(other, "following");
        Assert.True(other.Host.IsOn);

        var stopped = Stopwatch.StartNew();
        await former.SignalAsync("STOP");
        await former.Host.ResetByItselfAsync(LabWait.Patience);
        var reset = stopped.Elapsed.TotalSeconds;
        await pool.LeaderAsync(other);
        output.WriteLine($"figure: {identity}: the SPM's process stood still: its host was reset after {reset:0.0} s (a lease of {8 * LabPool.IoTimeout} s, a watchdog of {LabPool.WatchdogTimeout} s), "
            + $"another one led after {stopped.Elapsed.TotalSeconds:0.0} s, the bound is {bound:0.0} s on a machine that keeps up");
        await pool.ExtendAsync(other, guest.Volume, 512);
        await guest.VerifyAsync();
        Assert.Equal(0, guest.Failed);
        await pool.VerifyAsync(other);
    }
}
