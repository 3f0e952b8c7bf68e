using OvirtSpm.Interop;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.SanlockInterop;

/// <summary>Two daemons and two hosts of ours want one resource, again and again.</summary>
public class ContentionTests
{
    private const int RoundsOfEach = 12;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    [Fact]
    public async Task Hosts_of_both_kinds_at_once_never_own_it_together()
    {
        SanlockTool.SkipWhenMissing();
        var storages = await LeaseStorage.AllAsync(Arithmetic.T);
        await using var first = await Sanlock.StartAsync("theirs-1");
        await using var second = await Sanlock.StartAsync("theirs-2");

        // One of each: small and large sectors, file and block device.
        await Task.WhenAll(ContendAsync(storages[0], first, second), ContendAsync(storages[^1], first, second));
        Array.ForEach(storages, storage => storage.Dispose());
    }

    private static async Task ContendAsync(LeaseStorage storage, Sanlock first, Sanlock second)
    {
        await using var third = new OurHost(storage, 3, "ours-3", Arithmetic.Timing);
        await using var fourth = new OurHost(storage, 4, "ours-4", Arithmetic.Timing);
        Assert.All(await Task.WhenAll(third.JoinAsync(), fourth.JoinAsync()), outcome => Assert.Equal(new JoinOutcome.Joined(1), outcome));
        Assert.All(
            await Task.WhenAll(first.JoinAsync(storage.Lockspace(1), Arithmetic.T), second.JoinAsync(storage.Lockspace(2), Arithmetic.T)),
            result => Assert.Equal(0, result));

        var rounds = new Rounds(storage);
        await Task.WhenAll(TheirsAsync(first, 1), TheirsAsync(second, 2), OursAsync(third, 3), OursAsync(fourth, 4));
        rounds.AssertEveryGrantOfItsOwn(await LookAsync(third.Sdm), await new Witness(third.Area, 3).ReadAsync());
        await Task.WhenAll(third.LeaveAsync(), fourth.LeaveAsync());

        async Task TheirsAsync(Sanlock daemon, int hostId)
        {
            await using var eyes = new OurHost(storage, 200, "observer", Arithmetic.Timing);
            var witness = new Witness(eyes.Area, hostId);
            var holder = await daemon.HolderAsync();
            while (rounds.GoOn)
            {
                if (await daemon.AcquireAsync(storage.SdmResource, holder) == 0)
                {
                    rounds.Granted(hostId, await LookAsync(eyes.Sdm), await witness.OwnAsync());
                    Assert.Equal(0, await daemon.ReleaseAsync(storage.SdmResource, holder));
                }

                await rounds.PauseAsync();
            }
        }

        async Task OursAsync(OurHost host, int hostId)
        {
            var witness = new Witness(host.Area, hostId);
            while (rounds.GoOn)
            {
                switch (await host.Sdm.AcquireAsync(new AcquireOptions(), CancellationToken.None))
                {
                    case AcquireOutcome.Acquired acquired:
                        Assert.True(host.Sdm.MayWrite(acquired.LeaseVersion));
                        rounds.Granted(hostId, await LookAsync(host.Sdm), await witness.OwnAsync());
                        ReleaseOutcome released;
                        while ((released = await host.Sdm.ReleaseAsync()) is ReleaseOutcome.IoFailed or ReleaseOutcome.WriteOutstanding)
                        {
                            // A disk that others keep busy for 2 s.
                        }

                        Assert.IsType<ReleaseOutcome.Released>(released);
                        break;
                    case AcquireOutcome.OwnedByLiveHost or AcquireOutcome.OwnerMayLive or AcquireOutcome.Contended
                        or AcquireOutcome.IoFailed or AcquireOutcome.Unknown:
                        break;
                    case var other:
                        Assert.Fail($"host {hostId} on {storage.Kind}: {other}");
                        break;
                }

                await rounds.PauseAsync();
            }
        }
    }

    private static async Task<LeaderView> LookAsync(ResourceLease lease)
    {
        LeaderView? view = null;
        await Until.HoldsAsync("the leader can be read", TimeSpan.FromSeconds(60), async () => (view = await lease.PeekAsync()).IoError is null);
        return view!;
    }

    /// <summary>Who owned it in which version, over all hosts of one storage.</summary>
    private sealed class Rounds(LeaseStorage storage)
    {
        private readonly List<(int HostId, ulong Version, ulong Count)> grants = [];
        private readonly long started = TimeProvider.System.GetTimestamp();

        public bool GoOn
        {
            get
            {
                lock (grants)
                {
                    return grants.CountBy(grant => grant.HostId).Count(host => host.Value >= RoundsOfEach) < 4
                        && TimeProvider.System.GetElapsedTime(started) < Limit;
                }
            }
        }

        /// <summary>Of any length: hosts in step would always meet in the same order.</summary>
        public Task PauseAsync() => Task.Delay(Random.Shared.Next(5, 80));

        public void Granted(int hostId, LeaderView leader, ulong count)
        {
            Assert.Equal((true, hostId, false), (leader.IsReadable, leader.OwnerId, leader.IsFree));
            lock (grants)
            {
                grants.Add((hostId, leader.LeaseVersion, count));
            }
        }

        public void AssertEveryGrantOfItsOwn(LeaderView leader, (ulong Count, int Owner) witness)
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"{storage.Kind}: {grants.Count} grants, of which "
                + string.Join(", ", grants.CountBy(grant => grant.HostId).OrderBy(host => host.Key).Select(host => $"host {host.Key} {host.Value}")));
            Assert.Equal(((ulong)grants.Count, 0), witness);
            Assert.Equal(4, grants.DistinctBy(grant => grant.HostId).Count());

            // In the order in which the witness counted them, each has a version above all before.
            var versions = grants.OrderBy(grant => grant.Count).Select(grant => grant.Version).ToList();
            Assert.Equal(versions.Distinct().Order(), versions);
            Assert.True(leader.IsFree && leader.LeaseVersion >= versions[^1]);
        }
    }
}
