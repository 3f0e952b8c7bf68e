using OvirtSpm.Interop;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.SanlockInterop;

public class RequestTests
{
    private const uint Graceful = 2;

    /// sanlock leaves a request where it is: it is answered when the lease has reached the version it asked for.
    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task A_request_of_a_daemon_is_seen_until_it_is_honoured(int sectorSize)
    {
        SanlockTool.SkipWhenMissing();
        using var storage = await LeaseStorage.FileAsync(sectorSize, Arithmetic.T);
        await using var daemon = await Sanlock.StartAsync("theirs");
        await using var host = new OurHost(storage, 2, "ours", Arithmetic.Timing);
        Assert.Equal(0, await daemon.JoinAsync(storage.Lockspace(1), Arithmetic.T));
        Assert.Equal(new JoinOutcome.Joined(1), await host.JoinAsync());
        var holder = await daemon.HolderAsync();
        Assert.Equal(new AcquireOutcome.Acquired(1), await host.Sdm.AcquireAsync(new(), CancellationToken.None));
        Assert.Null((await host.Sdm.PeekAsync()).Request);

        await RequestAsync(2, Graceful);
        Assert.Equal(new RequestRecord(RequestRecord.CurrentVersion, 2, Graceful), (await host.Sdm.PeekAsync()).Request);

        // Its bit for us stands in its host id's sector from its next renewal on: nothing that makes us doubt that host.
        Assert.IsType<ReleaseOutcome.Released>(await host.Sdm.ReleaseAsync());
        Assert.Equal(0, await daemon.AcquireAsync(storage.SdmResource, holder));
        var honoured = await host.Sdm.PeekAsync();
        Assert.Equal((1, 2ul), (honoured.OwnerId, honoured.LeaseVersion));
        Assert.Null(honoured.Request);

        // Asked for and taken back.
        await RequestAsync(3, Graceful);
        Assert.NotNull((await host.Sdm.PeekAsync()).Request);
        await RequestAsync(0, 0);
        Assert.Null((await host.Sdm.PeekAsync()).Request);
        await Until.HoldsAsync("we see it live", TimeSpan.FromSeconds(60), () => Task.FromResult(host.Keeper.Hosts.Find(1) is { State: HostState.Live }));
        await host.LeaveAsync();

        async Task RequestAsync(ulong version, uint mode) =>
            Assert.Contains("request done 0", (await daemon.ClientAsync("request", "-r", $"{storage.SdmResource}:{version}", "-f", $"{mode}")).Text, StringComparison.Ordinal);
    }
}
