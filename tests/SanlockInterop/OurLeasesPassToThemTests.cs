using System.Diagnostics;
using OvirtSpm.Interop;

namespace OvirtSpm.SanlockInterop;

public class OurLeasesPassToThemTests
{
    private const int OwnerLives = -243;

    [Fact]
    public async Task What_a_killed_process_of_ours_held_is_the_daemons_after_8T_and_W_and_not_before()
    {
        SanlockTool.SkipWhenMissing();
        var storages = await LeaseStorage.AllAsync(Arithmetic.T);
        await using var daemon = await Sanlock.StartAsync("theirs");
        await using var ours = await HoldingHost.StartAsync(storages, 1, Arithmetic.Timing);
        Assert.All(await Task.WhenAll(storages.Select(storage => daemon.JoinAsync(storage.Lockspace(2), Arithmetic.T))), result => Assert.Equal(0, result));
        var followers = await Task.WhenAll(storages.Select(storage => RefusedAsync(storage, daemon)));
        await ours.KillAsync();
        await Task.WhenAll(followers.Select(follower => FollowAsync(daemon, follower.Storage, follower.Watch, follower.Holder)));
        Array.ForEach(storages, storage => storage.Dispose());
    }

    private static async Task<(LeaseStorage Storage, RenewalWatch Watch, Process Holder)> RefusedAsync(LeaseStorage storage, Sanlock daemon)
    {
        var holder = await daemon.HolderAsync();
        var watch = new RenewalWatch(storage, 1);
        await watch.SawOneAsync();
        Assert.Equal(OwnerLives, await daemon.AcquireAsync(storage.SdmResource, holder));
        return (storage, watch, holder);
    }

    private static async Task FollowAsync(Sanlock daemon, LeaseStorage storage, RenewalWatch watch, Process holder)
    {
        // The last renewal may be one that the daemon has not seen yet: then it still answers that the owner lives. Otherwise it waits.
        int result;
        while ((result = await daemon.AcquireAsync(storage.SdmResource, holder)) == OwnerLives)
        {
            await Task.Delay(500);
        }

        Assert.Equal(0, result);
        Arithmetic.AssertNotEarlyAndNotLate($"{storage.Kind}: what we owned is theirs", RenewalWatch.Now - watch.LastRenewalAfter);
        await watch.DisposeAsync();
        await using var host = new OurHost(storage, 3, "another of ours", Arithmetic.Timing);
        var view = await host.Sdm.PeekAsync();
        Assert.Equal((true, 2, 2ul, false), (view.IsReadable, view.OwnerId, view.LeaseVersion, view.IsFree));
    }
}
