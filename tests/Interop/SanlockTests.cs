using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.Interop;

/// <summary>The real sanlock reads ours, we read theirs, and neither takes what the other holds.</summary>
public class SanlockTests
{
    private const int MiB = 1 << 20;
    private static readonly LeaseTiming Timing = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public async Task What_we_initialise_is_byte_for_byte_what_sanlock_initialises(int sectorSize)
    {
        SanlockTool.SkipWhenMissing();
        using var ours = new SanlockFileArea(sectorSize, 2 * MiB);
        using var theirs = new SanlockFileArea(sectorSize, 2 * MiB);
        await FormatAsync(ours);
        await TheyFormatAsync(theirs);
        Assert.True(File.ReadAllBytes(theirs.Path).AsSpan().SequenceEqual(File.ReadAllBytes(ours.Path)));
    }

    [Theory]
    [InlineData(512, false)]
    [InlineData(4096, false)]
    [InlineData(512, true)]
    [InlineData(4096, true)]
    public async Task Sanlock_prints_owner_generation_and_version_of_a_lease_of_ours(int sectorSize, bool initialisedBySanlock)
    {
        SanlockTool.SkipWhenMissing();
        using var area = new SanlockFileArea(sectorSize, 2 * MiB);
        await (initialisedBySanlock ? TheyFormatAsync(area) : FormatAsync(area));
        var (keeper, lease) = Host(area, 7, "machine-seven");
        Assert.Equal(new JoinOutcome.Joined(1), await keeper.JoinAsync(CancellationToken.None));
        Assert.Equal(new AcquireOutcome.Acquired(1), await lease.AcquireAsync(new(), CancellationToken.None));

        var held = (await SanlockTool.DirectAsync("read_leader", "-r", Resource(area))).Text;
        Assert.Equal(("7", "1", "1", "SDM"), (SanlockTool.Field(held, "owner_id"), SanlockTool.Field(held, "owner_generation"),
            SanlockTool.Field(held, "lver"), SanlockTool.Field(held, "resource_name")));
        Assert.NotEqual("0", SanlockTool.Field(held, "timestamp"));
        var host = (await SanlockTool.DirectAsync("read_leader", "-s", Lockspace(area, 7))).Text;
        Assert.Equal(("7", "1", "machine-seven"), (SanlockTool.Field(host, "owner_id"), SanlockTool.Field(host, "owner_generation"), SanlockTool.Field(host, "resource_name")));
        var dump = (await SanlockTool.DirectAsync("dump", area.Path)).Text;
        Assert.Matches(@"LS\s+machine-seven\s+\d+\s+0007\s+0001", dump);
        Assert.Matches(@"LS\s+SDM\s+\d+\s+0007\s+0001\s+1", dump);

        Assert.Equal(new ReleaseOutcome.Released(false), await lease.ReleaseAsync());
        Assert.IsType<LeaveOutcome.Left>(await keeper.LeaveAsync());
        var free = (await SanlockTool.DirectAsync("read_leader", "-r", Resource(area))).Text;
        Assert.Equal(("7", "1", "0"), (SanlockTool.Field(free, "owner_id"), SanlockTool.Field(free, "lver"), SanlockTool.Field(free, "timestamp")));
    }

    [Fact]
    public async Task A_free_acquire_costs_three_reads_and_three_writes_and_a_release_one_read_and_two_writes()
    {
        using var area = new SanlockFileArea(512, 2 * MiB);
        await FormatAsync(area);
        var (keeper, lease) = Host(area, 1, "machine-one");
        (area.Reads, area.Writes) = (0, 0);
        await keeper.JoinAsync(CancellationToken.None);
        Assert.Equal((2, 1), (area.Reads, area.Writes));
        (area.Reads, area.Writes) = (0, 0);
        Assert.IsType<AcquireOutcome.Acquired>(await lease.AcquireAsync(new(), CancellationToken.None));
        Assert.Equal((3, 3), (area.Reads, area.Writes));
        (area.Reads, area.Writes) = (0, 0);
        await lease.ReleaseAsync();
        Assert.Equal((1, 2), (area.Reads, area.Writes));
    }

    [Fact]
    public async Task A_lease_of_a_dead_sanlock_host_is_kept_until_it_is_provably_dead_and_given_at_once_when_it_left()
    {
        SanlockTool.SkipWhenMissing();
        using var area = new SanlockFileArea(512, 2 * MiB);
        await TheyFormatAsync(area);
        await TheyAsync("acquire_id done 0", "acquire_id", "-s", Lockspace(area, 1), "-e", "their-host", "-o", "1");
        await TheyAsync("acquire done 0", "acquire", "-r", Resource(area), "-i", "1", "-g", "1", "-o", "1");

        var (keeper, lease) = Host(area, 2, "machine-two");
        Assert.Equal(new JoinOutcome.Joined(1), await keeper.JoinAsync(CancellationToken.None));
        var view = await lease.PeekAsync();
        Assert.Equal((true, 1, 1ul, 1ul, false), (view.IsReadable, view.OwnerId, view.Generation, view.LeaseVersion, view.IsFree));
        var refused = Assert.IsType<AcquireOutcome.OwnerMayLive>(await lease.AcquireAsync(new(), CancellationToken.None));
        Assert.Equal((1, 1ul, "their-host"), (refused.OwnerId, refused.Generation, refused.Name));
        Assert.InRange(refused.Remaining.TotalSeconds, 67, 69);

        await TheyAsync("release_id done 0", "release_id", "-s", Lockspace(area, 1));
        Assert.Equal(new AcquireOutcome.Acquired(2), await lease.AcquireAsync(new(), CancellationToken.None));
        await TheyAsync("acquire_id done 0", "acquire_id", "-s", Lockspace(area, 1), "-e", "their-host", "-o", "1");
        Assert.DoesNotContain("acquire done 0", (await SanlockTool.DirectAsync("acquire", "-r", Resource(area), "-i", "1", "-g", "2", "-o", "1")).Text);
        Assert.Equal(new ReleaseOutcome.Released(false), await lease.ReleaseAsync());
        await TheyAsync("acquire done 0", "acquire", "-r", Resource(area), "-i", "1", "-g", "2", "-o", "1");
        Assert.Equal((3ul, 1), ((await lease.PeekAsync()).LeaseVersion, (await lease.PeekAsync()).OwnerId));
    }

    [Fact]
    public async Task A_live_sanlock_daemon_and_a_host_of_ours_never_hold_the_same_resource()
    {
        SanlockTool.SkipWhenMissing();
        using var area = new SanlockFileArea(512, 2 * MiB);
        await FormatAsync(area);
        await using var daemon = await SanlockDaemon.JoinedAsync("their-host", Lockspace(area, 1));
        var (keeper, lease) = Host(area, 2, "machine-two");
        Assert.IsType<JoinOutcome.Joined>(await keeper.JoinAsync(CancellationToken.None));
        using var stop = new CancellationTokenSource();
        var renewing = keeper.RunAsync(stop.Token);

        // Theirs: we see it live, and follow as soon as its holder ends and the daemon gives it back.
        using (var holder = daemon.Hold(Resource(area)))
        {
            await OwnedByAsync(lease, 1);
            var live = Assert.IsType<AcquireOutcome.OwnedByLiveHost>(await lease.AcquireAsync(new(WaitForDeadOwner: true), CancellationToken.None));
            Assert.Equal((1, 1ul, "their-host"), (live.OwnerId, live.Generation, live.Name));
            var waiting = lease.AcquireAsync(new(WaitForDeadOwner: true, WaitForLiveOwner: true), CancellationToken.None).AsTask();
            holder.Kill();
            Assert.Equal(new AcquireOutcome.Acquired(2), await waiting.WaitAsync(TimeSpan.FromSeconds(30)));
        }

        // Ours: the daemon refuses it while we renew, and gets it when we gave it back.
        using (var refused = daemon.Hold(Resource(area)))
        {
            await refused.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
            Assert.Equal(ConfirmOutcome.Ours, await lease.ConfirmAsync());
        }

        Assert.Equal(new ReleaseOutcome.Released(false), await lease.ReleaseAsync());
        using (var holder = daemon.Hold(Resource(area)))
        {
            await OwnedByAsync(lease, 1);
            Assert.Equal(3ul, (await lease.PeekAsync()).LeaseVersion);
            holder.Kill();
        }

        await stop.CancelAsync();
        Assert.Equal(LeaseLostReason.Stopped, (await renewing).Reason);
        Assert.IsType<LeaveOutcome.Left>(await keeper.LeaveAsync());
    }

    private static async Task OwnedByAsync(ResourceLease lease, int owner)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (await lease.PeekAsync() is var view && (view.OwnerId != owner || view.IsFree))
        {
            await Task.Delay(50, limit.Token);
        }
    }

    private static async Task FormatAsync(SanlockFileArea area)
    {
        var geometry = LeaseGeometry.For(area.SectorSize, MiB);
        await LockspaceFormat.InitialiseAsync(area, geometry, "LS", _ => 1);
        await ResourceFormat.InitialiseAsync(area, MiB, geometry, "LS", "SDM");
    }

    private static async Task TheyFormatAsync(SanlockFileArea area)
    {
        var sector = area.SectorSize.ToString(System.Globalization.CultureInfo.InvariantCulture);
        await TheyAsync("init done 0", "init", "-s", Lockspace(area, 0), "-Z", sector, "-A", "1M", "-o", "1");
        await TheyAsync("init done 0", "init", "-r", Resource(area), "-Z", sector, "-A", "1M");
    }

    private static async Task TheyAsync(string expected, params string[] arguments)
    {
        var (_, text) = await SanlockTool.DirectAsync(arguments);
        Assert.Contains(expected + "\n", text);
    }

    private static (LeaseKeeper Keeper, ResourceLease Lease) Host(SanlockFileArea area, int id, string name)
    {
        var geometry = LeaseGeometry.For(area.SectorSize, MiB);
        var keeper = new LeaseKeeper(area, geometry, "LS", id, name, Timing, TimeProvider.System, new SanlockFirstChoice(), (_, _) => null);
        return (keeper, new ResourceLease(area, MiB, geometry, "LS", "SDM", keeper, TimeProvider.System, new SanlockFirstChoice()));
    }

    private static string Lockspace(SanlockFileArea area, int id) => $"LS:{id}:{area.Path}:0";

    private static string Resource(SanlockFileArea area) => $"LS:SDM:{area.Path}:{MiB}";
}
