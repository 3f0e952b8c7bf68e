using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Linux;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Tests.Pool;

/// Deleting with discard: before the extents are free, under an entry of the SPM's own, and never given back half emptied.
public sealed class VolumeDiscardTests
{
    static readonly Guid Life = Guid.Parse("eeeeeeee-0000-0000-0000-000000000001");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task R13_a_discard_comes_behind_the_zeros_and_before_the_extents_are_anybodys(bool wipe)
    {
        var host = await TestDomain.LeadAsync(await TestDomain.LunAsync());
        var volume = await host.CreateAsync("raw", 256 << 20);
        var zeroedBefore = host.Zeroed.Count;
        var segments = OvirtSpm.Node.Pool.VolumeExtension.Segments(host.Term.Volumes.Group, host.Term.Volumes.Group.Find($"{volume}")!);
        var slot = host.Term.Volumes.Find(volume)!.Tags.Slot!.Value;
        var looked = false;
        host.Discarding = async () =>
        {
            looked = true;
            Assert.Equal(RemovalMark.ZeroThenRemove, host.Term.Volumes.Find(volume)!.Tags.Removal);
            Assert.Equal(SlotUse.Working, Assert.Single((await host.Maps.ReadAllAsync()).UsersOf(slot)).Use);
            Assert.Equal(wipe ? segments : [], host.Zeroed.Skip(zeroedBefore));
        };
        var told = new List<double>();
        var deleted = await host.Removal.DeleteAsync($"{volume}", new RequestId(7, Life, 1), wipe, discard: true, new Told(told.Add));
        // The zeros are half of the work where there are any.
        Assert.Equal(wipe ? [0.5, 1] : [1.0], told);
        Assert.True(looked);
        Assert.Equal(segments, host.Discarded);
        Assert.Equal(["memory"], deleted.NotDiscarded);
        Assert.Null(host.Term.Volumes.Find(volume));
        Assert.Empty((await host.Maps.ReadAllAsync()).UsersOf(slot));
        await host.EndAsync();
    }

    /// <summary>At once, unlike Progress.</summary>
    sealed class Told(Action<double> tell) : IProgress<double>
    {
        public void Report(double value) => tell(value);
    }

    [Fact]
    public async Task A_discard_that_fails_half_way_is_never_given_back_and_the_next_SPM_wipes_and_removes()
    {
        var lun = await TestDomain.LunAsync();
        var host = await TestDomain.LeadAsync(lun);
        var volume = await host.CreateAsync("raw", 256 << 20);
        host.Discarding = () => throw new IOException("the storage is away");
        await Assert.ThrowsAsync<IOException>(() => host.DeleteAsync(new RequestId(7, Life, 1), volume, discard: true));
        Assert.Equal(RemovalMark.ZeroThenRemove, host.Term.Volumes.Find(volume)!.Tags.Removal);
        await host.EndAsync();

        var next = await TestDomain.LeadAsync(lun.OpenAgain(), 3);
        await next.Recovery.TryAllAsync(CancellationToken.None);
        Assert.Null(next.Term.Volumes.Find(volume));
        Assert.NotEmpty(next.Zeroed);
        await next.EndAsync();
    }

    [Theory]
    [InlineData(32 << 20, 8)]
    [InlineData(24 << 20, 11)]
    [InlineData(0, 0)]
    public async Task Steps_are_as_long_as_the_device_takes_and_each_of_them_asks_the_fence(long step, int steps)
    {
        var lun = await TestDomain.LunAsync();
        lun.DiscardStep = step;
        var domain = await PoolDomain.OpenAsync(lun);
        var imager = new QemuImager(domain, new UnixVolumeServer(), Path.GetTempPath(), new ManualClock());
        var segment = new SegmentReply(domain.Group.PhysicalVolumes[0].Uuid.ToString(), 8L << 30, 256 << 20);
        var (at, asked, told) = (new List<long>(), 0, 0L);
        lun.BeforeWrite = (lane, offset) =>
        {
            at.Add(offset);
            return Task.CompletedTask;
        };
        var kept = await imager.DiscardAsync([segment], () => ++asked > 0, bytes => told += bytes);
        Assert.Equal(Enumerable.Range(0, steps).Select(i => segment.PvOffsetBytes + i * step), at);
        Assert.Equal(steps, asked);
        Assert.Equal(step == 0 ? 0 : segment.LengthBytes, told);
        Assert.Equal(step == 0 ? ["memory"] : [], kept);
        if (steps > 0)
        {
            at.Clear();
            asked = 0;
            Assert.Equal(RefusalCode.NotLeader, (await Assert.ThrowsAsync<Refusal>(() => imager.DiscardAsync([segment], () => ++asked <= 3))).Code);
            Assert.Equal(3, at.Count);
        }
    }

    [Fact]
    public void Progress_is_told_now_and_then_and_not_for_what_is_done_at_once()
    {
        var (clock, said) = (new ManualClock(), new List<string>());
        var progress = new OvirtSpm.Node.Pool.WorkProgress("wiping v", 1 << 30, clock, said.Add);
        progress.Add(256 << 20);
        Assert.Empty(said);
        clock.Pass(TimeSpan.FromSeconds(2));
        progress.Add(256 << 20);
        progress.Add(1);
        Assert.Equal(["wiping v: 50 % of 1 GiB"], said);
        clock.Pass(TimeSpan.FromSeconds(3));
        progress.Add((512 << 20) - 1);
        Assert.Single(said);
    }
}
