using OvirtSpm.Interop;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.SanlockInterop;

public class SharedLeaseTests
{
    private const int OwnerLives = -243;
    private const int SharedElsewhere = -11;

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task A_share_of_a_daemon_keeps_us_out_until_it_is_given_back_and_our_hold_keeps_its_share_out(int sectorSize)
    {
        SanlockTool.SkipWhenMissing();
        using var storage = await LeaseStorage.FileAsync(sectorSize, Arithmetic.T);
        await using var daemon = await Sanlock.StartAsync("theirs-1");
        await using var second = await Sanlock.StartAsync("theirs-2");
        await using var host = new OurHost(storage, 3, "ours", Arithmetic.Timing);
        Assert.All(
            await Task.WhenAll(daemon.JoinAsync(storage.Lockspace(1), Arithmetic.T), second.JoinAsync(storage.Lockspace(2), Arithmetic.T)),
            result => Assert.Equal(0, result));
        Assert.Equal(new JoinOutcome.Joined(1), await host.JoinAsync());
        var holder = await daemon.HolderAsync();
        var secondHolder = await second.HolderAsync();
        Assert.Equal(0, await daemon.AcquireAsync(storage.ShrResource + ":SH", holder));
        Assert.Equal(0, await second.AcquireAsync(storage.ShrResource + ":SH", secondHolder));

        // Two at once share it; nobody takes it alone, they neither. Each share took a version.
        Assert.Equal([1, 2], Assert.IsType<AcquireOutcome.SharedByLiveHosts>(await host.Shr.AcquireAsync(new(), CancellationToken.None)).HostIds);
        Assert.Equal((true, 2ul), ((await host.Shr.PeekAsync()).IsFree, (await host.Shr.PeekAsync()).LeaseVersion));
        Assert.Equal(0, await second.ReleaseAsync(storage.ShrResource, secondHolder));
        Assert.Equal(SharedElsewhere, await second.AcquireAsync(storage.ShrResource, secondHolder));

        var waiting = host.Shr.AcquireAsync(new(WaitForDeadOwner: true, WaitForLiveOwner: true), CancellationToken.None).AsTask();
        await Task.Delay(TimeSpan.FromSeconds(2));
        Assert.False(waiting.IsCompleted);
        Assert.Equal(0, await daemon.ReleaseAsync(storage.ShrResource, holder));
        Assert.IsType<AcquireOutcome.Acquired>(await waiting.WaitAsync(TimeSpan.FromSeconds(60)));

        Assert.Equal(OwnerLives, await daemon.AcquireAsync(storage.ShrResource + ":SH", holder));
        Assert.IsType<ReleaseOutcome.Released>(await host.Shr.ReleaseAsync());
        Assert.Equal(0, await daemon.AcquireAsync(storage.ShrResource + ":SH", holder));
        await host.LeaveAsync();
    }
}
