using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;
using OvirtSpm.Node.LeaseService;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Node.Tests.Storage;

namespace OvirtSpm.Node.Tests.LeaseService;

/// R29: the SPM's lease of a fresh domain, T = 1 s, W = 0.
public class LeaseRepairTests
{
    const int Voter = 7, Self = 240;

    [Fact]
    public async Task A_bad_vote_of_a_free_host_is_wiped_and_the_lease_can_be_taken_again()
    {
        var (domain, repair) = await OpenAsync();
        await DamageAsync(domain, domain.Geometry.VoteOffset(Voter));
        var fault = Assert.Single(await repair.FindAsync());
        Assert.Equal((RecordError.WrongChecksum, domain.Geometry.VoteOffset(Voter), Voter), (fault.Error, fault.OffsetBytes, Assert.Single(fault.Hosts)));
        Assert.IsType<AcquireOutcome.Refused>(await AcquireAsync(domain));
        await repair.WriteAsync([fault], wait: false, Self, () => true, CancellationToken.None);
        Assert.Empty(await repair.FindAsync());
        Assert.IsType<AcquireOutcome.Acquired>(await AcquireAsync(domain));
    }

    [Fact]
    public async Task Nothing_of_a_host_that_holds_its_host_id_is_touched_before_it_is_proven_dead()
    {
        var clock = new ManualClock();
        var (domain, repair) = await OpenAsync(clock);
        await HoldHostIdAsync(domain, Voter, 5);
        await DamageAsync(domain, domain.Geometry.VoteOffset(Voter));
        var faults = await repair.FindAsync();
        var refused = await Assert.ThrowsAsync<Refusal>(() => repair.WriteAsync(faults, wait: false, Self, () => true, CancellationToken.None));
        Assert.Contains("host id 7 ('other-host')", refused.Message);

        // One that renews while it is watched lives.
        var watching = repair.WriteAsync(faults, wait: true, Self, () => true, CancellationToken.None);
        await PassAsync(clock, watching, 3);
        await HoldHostIdAsync(domain, Voter, 6);
        await PassAsync(clock, watching, 3);
        Assert.Contains("lives", (await Assert.ThrowsAsync<Refusal>(() => watching)).Message);
        Assert.Single(await repair.FindAsync());

        // No record of ours: 8 T and a minute for its watchdog.
        watching = repair.WriteAsync(faults, wait: true, Self, () => true, CancellationToken.None);
        await PassAsync(clock, watching, 67);
        Assert.False(watching.IsCompleted);
        await PassAsync(clock, watching, 3);
        await watching;
        Assert.Empty(await repair.FindAsync());
    }

    [Fact]
    public async Task A_bad_leader_becomes_free_in_a_version_above_which_the_next_owner_goes_on()
    {
        var (domain, repair) = await OpenAsync();
        var first = Assert.IsType<AcquireOutcome.Acquired>(await AcquireAsync(domain, minimum: 41));
        Assert.Equal(42ul, first.LeaseVersion);
        await DamageAsync(domain, 0);
        var fault = Assert.Single(await repair.FindAsync());
        Assert.Equal(("leader", 0L, Self), (fault.Where, fault.OffsetBytes, Assert.Single(fault.Hosts)));

        // Its last owner holds its host id: as somebody else than that owner nothing may be done.
        await Assert.ThrowsAsync<Refusal>(() => repair.WriteAsync([fault], wait: false, self: 241, () => true, CancellationToken.None));
        Assert.Single(await repair.FindAsync());
        await repair.WriteAsync([fault], wait: false, Self, () => true, CancellationToken.None);
        Assert.Equal(43ul, Assert.IsType<AcquireOutcome.Acquired>(await AcquireAsync(domain)).LeaseVersion);
    }

    [Fact]
    public async Task What_changed_meanwhile_or_belongs_to_somebody_else_is_left_alone()
    {
        var (domain, repair) = await OpenAsync();
        await DamageAsync(domain, domain.Geometry.VoteOffset(Voter));
        var faults = await repair.FindAsync();
        await DamageAsync(domain, domain.Geometry.VoteOffset(Voter), at: 300);
        Assert.Contains("changed meanwhile", (await Assert.ThrowsAsync<Refusal>(() => repair.WriteAsync(faults, false, Self, () => true, CancellationToken.None))).Message);
        await Assert.ThrowsAsync<Refusal>(async () => await repair.WriteAsync(await repair.FindAsync(), false, Self, () => false, CancellationToken.None));
        Assert.Single(await repair.FindAsync());
        await ResourceFormat.InitialiseAsync(domain.Leases, domain.SpmLeaseOffset, domain.Geometry, "another domain", "SDM");
        Assert.Contains("somebody else's", (await Assert.ThrowsAsync<Refusal>(repair.FindAsync)).Message);
    }

    static async Task<(PoolDomain Domain, LeaseRepair Repair)> OpenAsync(TimeProvider? clock = null)
    {
        var domain = await PoolDomain.OpenAsync(await TestDomain.LunAsync());
        return (domain, new LeaseRepair(domain, domain.Leases, domain.SpmLeaseOffset, PoolDomain.SpmResource, clock ?? new ManualClock()));
    }

    static async Task DamageAsync(PoolDomain domain, long sector, int at = 10)
    {
        var bytes = new byte[512];
        await domain.Leases.ReadAsync(domain.SpmLeaseOffset + sector, bytes);
        bytes[at] ^= 0x55;
        await domain.Leases.WriteAsync(domain.SpmLeaseOffset + sector, bytes);
    }

    static async Task HoldHostIdAsync(PoolDomain domain, int host, ulong timestamp)
    {
        var sector = new byte[512];
        await domain.Ids.ReadAsync(domain.Geometry.HostIdOffset(host), sector);
        Assert.Equal(RecordError.None, LeaderRecord.TryParse(LeaderKind.HostId, sector, out var free));
        (free! with { OwnerId = (ulong)host, OwnerGeneration = 1, Timestamp = timestamp, Resource = LeaseName.Of("other-host"), IoTimeoutField = 1 }).Format(sector);
        await domain.Ids.WriteAsync(domain.Geometry.HostIdOffset(host), sector);
    }

    static async Task<AcquireOutcome> AcquireAsync(PoolDomain domain, ulong minimum = 0)
    {
        var clock = new ManualClock();
        var keeper = new LeaseKeeper(domain.Ids, domain.Geometry, domain.Lockspace, Self, "self", domain.Timing, clock, new TestChoice(), (_, _) => TimeSpan.Zero);
        var joining = keeper.JoinAsync(CancellationToken.None).AsTask();
        await PassAsync(clock, joining, 5);
        Assert.IsType<JoinOutcome.Joined>(await joining);
        var lease = new ResourceLease(domain.Leases, domain.SpmLeaseOffset, domain.Geometry, domain.Lockspace, PoolDomain.SpmResource, keeper, clock, new TestChoice());
        return await lease.AcquireAsync(new AcquireOptions(MinimumVersion: minimum), CancellationToken.None);
    }

    static async Task PassAsync(ManualClock clock, Task work, double seconds)
    {
        for (var left = seconds; left > 0 && !work.IsCompleted; left -= 0.25)
        {
            await AsyncWait.UntilAsync(() => clock.Timers > 0 || work.IsCompleted);
            clock.Pass(TimeSpan.FromSeconds(0.25));
        }
        await AsyncWait.UntilAsync(() => clock.Timers > 0 || work.IsCompleted);
    }
}
