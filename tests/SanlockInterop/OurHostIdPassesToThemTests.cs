using OvirtSpm.Interop;

namespace OvirtSpm.SanlockInterop;

public class OurHostIdPassesToThemTests
{
    [Fact]
    public async Task Ours_passes_to_the_daemon_after_our_death()
    {
        SanlockTool.SkipWhenMissing();
        using var storage = await LeaseStorage.FileAsync(512, Arithmetic.T);
        await using var daemon = await Sanlock.StartAsync("theirs");
        await using var observer = await Sanlock.StartAsync("observer");
        Assert.Equal(0, await observer.JoinAsync(storage.Lockspace(2), Arithmetic.T));
        await using var ours = await HoldingHost.StartAsync([storage], 1, Arithmetic.Timing);
        await using var watch = new RenewalWatch(storage, 1);
        await watch.SawOneAsync();
        await ours.KillAsync();
        Assert.Equal(0, await daemon.JoinAsync(storage.Lockspace(1), Arithmetic.T));
        Arithmetic.AssertNotEarlyAndNotLate("our dead host id is the daemon's", RenewalWatch.Now - watch.LastRenewalAfter, Arithmetic.Timing.JoinFree);
        await Until.HoldsAsync("the next generation is seen live", TimeSpan.FromSeconds(60), async () => await observer.SeesAsync(storage, 1, "gen 2", "LIVE"));
    }
}
