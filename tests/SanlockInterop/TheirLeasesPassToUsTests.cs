using OvirtSpm.Interop;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.SanlockInterop;

public class TheirLeasesPassToUsTests
{
    private static readonly AcquireOptions UntilItsOwnerIsDead = new(WaitForDeadOwner: true);

    [Fact]
    public async Task What_a_killed_daemon_held_alone_or_shared_is_ours_after_8T_and_W_and_not_before()
    {
        SanlockTool.SkipWhenMissing();
        var storages = await LeaseStorage.AllAsync(Arithmetic.T);
        await using var daemon = await Sanlock.StartAsync("theirs");
        var holder = await daemon.HolderAsync();
        Assert.All(await Task.WhenAll(storages.Select(storage => daemon.JoinAsync(storage.Lockspace(1), Arithmetic.T))), result => Assert.Equal(0, result));
        foreach (var storage in storages)
        {
            Assert.Equal(0, await daemon.AcquireAsync(storage.SdmResource, holder));
            Assert.Equal(0, await daemon.AcquireAsync(storage.ShrResource + ":SH", holder));
        }

        var ends = new TaskCompletionSource();
        var ours = storages.Select(storage => FollowAsync(storage, ends.Task)).ToList();
        await Task.WhenAll(ours.Select(follower => follower.Refused));
        await daemon.KillAsync();
        holder.Kill();
        ends.SetResult();
        await Task.WhenAll(ours.Select(follower => follower.Done));
        Array.ForEach(storages, storage => storage.Dispose());
    }

    private static (Task Refused, Task Done) FollowAsync(LeaseStorage storage, Task killed)
    {
        var refused = new TaskCompletionSource();
        return (refused.Task, RunAsync());

        async Task RunAsync()
        {
            try
            {
                await using var host = new OurHost(storage, 2, "ours", Arithmetic.Timing);
                Assert.Equal(new JoinOutcome.Joined(1), await host.JoinAsync());

                // Alive: they answer as soon as a renewal was seen, however long we would wait for the dead.
                Assert.Equal(new AcquireOutcome.OwnedByLiveHost(1, 1, "theirs"), await host.Sdm.AcquireAsync(UntilItsOwnerIsDead, CancellationToken.None));
                Assert.Equal([1], Assert.IsType<AcquireOutcome.SharedByLiveHosts>(await host.Shr.AcquireAsync(UntilItsOwnerIsDead, CancellationToken.None)).HostIds);
                await using var watch = new RenewalWatch(storage, 1);
                await watch.SawOneAsync();
                refused.SetResult();
                await killed;

                await Task.WhenAll(TakeAsync(host.Sdm, "what it owned"), TakeAsync(host.Shr, "what it shared"));
                await Until.HoldsAsync("the table of hosts says so, too", TimeSpan.FromSeconds(60), () => Task.FromResult(host.Keeper.Hosts.Find(1) is { State: HostState.Dead }));
                await Task.WhenAll(host.Sdm.ReleaseAsync().AsTask(), host.Shr.ReleaseAsync().AsTask());
                await host.LeaveAsync();

                async Task TakeAsync(ResourceLease lease, string what)
                {
                    // The last renewal may be one that we have not seen yet: then the dead one still counts as alive.
                    AcquireOutcome outcome;
                    while ((outcome = await lease.AcquireAsync(UntilItsOwnerIsDead, CancellationToken.None))
                        is AcquireOutcome.OwnedByLiveHost or AcquireOutcome.SharedByLiveHosts)
                    {
                        await Task.Delay(500);
                    }

                    Assert.Equal(new AcquireOutcome.Acquired(2), outcome);
                    Arithmetic.AssertNotEarlyAndNotLate($"{storage.Kind}: {what} is ours", RenewalWatch.Now - watch.LastRenewalAfter);
                }
            }
            catch (Exception failure)
            {
                refused.TrySetException(failure);
                throw;
            }
        }
    }
}
