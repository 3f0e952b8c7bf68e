using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.Leases.Tests;

public class ResourceLeaseTests
{
    private const int VoteOfHost1 = Pool.MiB + (2 * 512);
    private const int VoteOfHost3 = Pool.MiB + (4 * 512);

    [Fact]
    public async Task A_version_above_every_epoch_seen_is_granted_even_across_a_gap()
    {
        var (_, keeper, lease) = await JoinedAsync();
        Assert.Equal(new AcquireOutcome.Acquired(5001), await lease.AcquireAsync(new(MinimumVersion: 5000), CancellationToken.None));
        Assert.Equal(5001ul, lease.HeldVersion);
        Assert.Equal((ConfirmOutcome.Ours, ConfirmOutcome.Ours), (await lease.ConfirmAsync(), await keeper.ConfirmAsync()));
        Assert.True(lease.MayWrite(5001));
        Assert.False(lease.MayWrite(5000) || lease.MayWrite(0) || lease.MayWrite(5001, TimeSpan.FromSeconds(8)));
        Assert.Equal(new ReleaseOutcome.Released(false), await lease.ReleaseAsync());
        Assert.False(lease.MayWrite(5001));
        Assert.Equal(new AcquireOutcome.Acquired(5002), await lease.AcquireAsync(new(MinimumVersion: 5001), CancellationToken.None));
        Assert.False(keeper.HasOutstandingWrites);
    }

    [Fact]
    public async Task A_damaged_vote_ends_the_ballot_and_names_its_sector()
    {
        var (pool, _, lease) = await JoinedAsync();
        pool.Area.Bytes[VoteOfHost3] ^= 0x40;
        var before = pool.Area.Bytes.ToArray();
        var refused = Assert.IsType<AcquireOutcome.Refused>(await lease.AcquireAsync(new(), CancellationToken.None));
        Assert.Equal((RecordError.WrongChecksum, 4L * 512), (refused.Error, refused.SectorOffsetBytes));
        Assert.Equal(before, pool.Area.Bytes);
    }

    /// What it covered may have been decisive. A ballot of an earlier version decides nothing any more.
    [Theory]
    [InlineData(1, false)]
    [InlineData(0, true)]
    public async Task A_vote_in_another_hosts_sector_ends_the_ballot_of_its_version(ulong ahead, bool isTaken)
    {
        var (pool, _, lease) = await JoinedAsync();
        Assert.Equal(RecordError.None, LeaderRecord.TryParse(LeaderKind.Resource, pool.Area.Bytes.AsSpan(Pool.MiB), out var leader));
        var strays = new BallotBlock(2005, 0, default, leader!.LeaseVersion + ahead, 0);
        Assert.Equal(RecordError.None, Read(VoteOfHost3 + (2 * 512), 5));
        strays.Format(pool.Area.Bytes.AsSpan(VoteOfHost3 / 512 * 512, 512));
        Assert.Equal(RecordError.Misplaced, Read(VoteOfHost3, 3));
        var outcome = await lease.AcquireAsync(new(), CancellationToken.None);
        Assert.Equal(isTaken, outcome is AcquireOutcome.Acquired);
        Assert.Equal(isTaken ? null : RecordError.Misplaced, (outcome as AcquireOutcome.Refused)?.Error);

        RecordError Read(int at, int host) => BallotBlock.TryParse(pool.Area.Bytes.AsSpan(at / 512 * 512, 512), host, 2000, out _);
    }

    /// It was good when the ballot began, so a promise and perhaps a proposal of ours are out: they are taken back.
    [Fact]
    public async Task A_vote_that_turns_bad_during_the_ballot_leaves_no_ghost_owner()
    {
        var (pool, _, lease) = await JoinedAsync();
        var votes = 0;
        pool.Area.Fault = (write, offset) =>
        {
            if (write && offset == Pool.MiB + (2 * 512) && ++votes == 2)
            {
                pool.Area.Bytes[VoteOfHost3] ^= 0x40;
            }

            return null;
        };
        Assert.IsType<AcquireOutcome.Refused>(await lease.AcquireAsync(new(), CancellationToken.None));
        Assert.Equal(RecordError.None, BallotBlock.TryParse(pool.Area.Bytes.AsSpan(Pool.MiB + (2 * 512)), out var own));
        Assert.True(own.IsReleased);
        Assert.Equal(0ul, lease.HeldVersion);
    }

    [Theory]
    [InlineData(LeaderFlags.CompareAndWrite)]
    [InlineData(LeaderFlags.NoTimeout)]
    public async Task A_resource_with_promises_we_do_not_keep_is_refused(LeaderFlags flag)
    {
        var (pool, _, lease) = await JoinedAsync();
        pool.Edit(LeaderKind.Resource, Pool.MiB, leader => leader with { Flags = leader.Flags | flag, Version = 0x00070000 });
        Assert.Equal(RecordError.UnsupportedFlags, Assert.IsType<AcquireOutcome.Refused>(await lease.AcquireAsync(new(), CancellationToken.None)).Error);
        Assert.Equal(RecordError.UnsupportedFlags, (await lease.PeekAsync()).Error);
    }

    [Theory]
    [InlineData(LeaderFlags.CompareAndWrite)]
    [InlineData(LeaderFlags.NoTimeout)]
    [InlineData(LeaderFlags.DeadExternally)]
    public async Task A_lockspace_with_promises_we_do_not_keep_is_not_joined(LeaderFlags flag)
    {
        var pool = await Pool.FreshAsync();
        pool.Edit(LeaderKind.HostId, 0, host => host with { Flags = host.Flags | flag, Version = 0x00050000 });
        var refused = Assert.IsType<JoinOutcome.Refused>(await pool.Host(1).Keeper.JoinAsync(CancellationToken.None));
        Assert.Equal((RecordError.UnsupportedFlags, 0L), (refused.Error, refused.SectorOffsetBytes));
    }

    [Fact]
    public async Task A_resource_that_live_hosts_share_is_not_taken()
    {
        var pool = Pool.Of("live/pool-sh-held.bin.gz");
        var (keeper, lease) = pool.Host(3, offset: 2 * Pool.MiB, resource: "SHRES");
        Assert.IsType<JoinOutcome.Joined>(await keeper.JoinAsync(CancellationToken.None));
        var shared = Assert.IsType<AcquireOutcome.SharedByLiveHosts>(await lease.AcquireAsync(new(), CancellationToken.None));
        Assert.Equal([1, 2], shared.HostIds);
        Assert.True((await lease.PeekAsync()).IsFree);
    }

    [Fact]
    public async Task A_held_resource_of_a_real_pool_is_shown_and_not_taken()
    {
        var pool = Pool.Of("live/pool-ex-held.bin.gz");
        var (keeper, lease) = pool.Host(3, resource: "RES");
        Assert.IsType<JoinOutcome.Joined>(await keeper.JoinAsync(CancellationToken.None));
        var view = await lease.PeekAsync();
        Assert.Equal((1, 1ul, 1ul, false), (view.OwnerId, view.Generation, view.LeaseVersion, view.IsFree));
        Assert.Equal(1, Assert.IsType<AcquireOutcome.OwnerMayLive>(await lease.AcquireAsync(new(), CancellationToken.None)).OwnerId);
    }

    [Fact]
    public async Task A_leader_written_by_a_rival_is_free_when_the_owners_vote_says_so()
    {
        var (pool, _, lease) = await JoinedAsync();
        await lease.AcquireAsync(new(), CancellationToken.None);

        // A rival committed our grant, too: its name stands as the writer.
        pool.Edit(LeaderKind.Resource, Pool.MiB, leader => leader with { WriteId = 5, WriteGeneration = 1 });
        var leaderBefore = pool.Area.Bytes[Pool.MiB..(Pool.MiB + 512)];
        Assert.Equal(new ReleaseOutcome.Released(ByVoteOnly: true), await lease.ReleaseAsync());
        Assert.Equal(leaderBefore, pool.Area.Bytes[Pool.MiB..(Pool.MiB + 512)]);
        Assert.True((await lease.PeekAsync()).IsFree);

        var (other, otherLease) = pool.Host(2);
        Assert.IsType<JoinOutcome.Joined>(await other.JoinAsync(CancellationToken.None));
        Assert.Equal(new AcquireOutcome.Acquired(2), await otherLease.AcquireAsync(new(), CancellationToken.None));
    }

    [Fact]
    public async Task An_older_grant_written_back_by_a_stalled_rival_is_put_right()
    {
        var (pool, _, lease) = await JoinedAsync();
        await lease.AcquireAsync(new(MinimumVersion: 8), CancellationToken.None);
        pool.Edit(LeaderKind.Resource, Pool.MiB, leader => leader with { LeaseVersion = 3, WriteId = 5 });
        Assert.Equal(ConfirmOutcome.Restored, await lease.ConfirmAsync());
        Assert.Equal(9ul, (await lease.PeekAsync()).LeaseVersion);

        // That of another host, given back: its write was under way when we took the resource.
        pool.Edit(LeaderKind.Resource, Pool.MiB, leader => leader with { LeaseVersion = 8, OwnerId = 5, Timestamp = 0, WriteId = 5 });
        Assert.Equal(ConfirmOutcome.Restored, await lease.ConfirmAsync());
        Assert.Equal((1, 9ul, false), ((await lease.PeekAsync()).OwnerId, (await lease.PeekAsync()).LeaseVersion, (await lease.PeekAsync()).IsFree));
        pool.Edit(LeaderKind.Resource, Pool.MiB, leader => leader with { OwnerId = 5 });
        Assert.Equal(ConfirmOutcome.NotOurs, await lease.ConfirmAsync());
    }

    [Fact]
    public async Task Nothing_is_granted_or_given_back_after_the_deadline()
    {
        var (pool, keeper, lease) = await JoinedAsync();
        await lease.AcquireAsync(new(), CancellationToken.None);
        pool.Clock.Now += TimeSpan.FromSeconds(9);
        Assert.False(keeper.Deadline.Holds());
        pool.Area.Log.Clear();
        Assert.IsType<ReleaseOutcome.LostHostId>(await lease.ReleaseAsync());
        Assert.IsType<AcquireOutcome.LostHostId>(await lease.AcquireAsync(new(), CancellationToken.None));
        Assert.Equal(LeaseLostReason.Expired, (await keeper.RunAsync(CancellationToken.None)).Reason);
        Assert.IsType<LeaveOutcome.LeftToExpire>(await keeper.LeaveAsync());
        Assert.DoesNotContain(pool.Area.Log, io => io.Write);
    }

    /// R1: the last write came back, but too late to count.
    [Fact]
    public async Task A_grant_whose_last_write_returned_after_the_deadline_is_none()
    {
        var (pool, _, lease) = await JoinedAsync();
        pool.Area.Fault = (write, offset) =>
        {
            pool.Clock.Now += write && offset == Pool.MiB ? TimeSpan.FromSeconds(9) : TimeSpan.Zero;
            return null;
        };
        Assert.IsType<AcquireOutcome.LostHostId>(await lease.AcquireAsync(new(), CancellationToken.None));
        Assert.Equal(0ul, lease.HeldVersion);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task When_the_leader_write_fails_the_answer_is_found_whether_or_not_it_landed(bool landed)
    {
        var (pool, _, lease) = await JoinedAsync();
        pool.Area.FailedWritesLand = landed;
        var failed = false;
        pool.Area.Fault = (write, offset) => write && offset == Pool.MiB && !failed && (failed = true) ? new IOException("no answer") : null;
        Assert.Equal(new AcquireOutcome.Acquired(1), await lease.AcquireAsync(new(), CancellationToken.None));
        Assert.True(failed);
    }

    /// The leader write may have landed all the same, and then it is free: from the first write on it is not ours.
    [Fact]
    public async Task A_release_that_got_half_way_permits_no_write_and_can_be_repeated()
    {
        var (pool, _, lease) = await JoinedAsync();
        await lease.AcquireAsync(new(), CancellationToken.None);
        var failed = false;
        pool.Area.Fault = (write, offset) => write && offset == Pool.MiB && !failed && (failed = true) ? new IOException("no answer") : null;
        Assert.IsType<ReleaseOutcome.IoFailed>(await lease.ReleaseAsync());
        Assert.False(lease.MayWrite(1));
        Assert.Equal((0ul, ConfirmOutcome.NotOurs), (lease.HeldVersion, await lease.ConfirmAsync()));
        Assert.Equal(new ReleaseOutcome.Released(false), await lease.ReleaseAsync());
        Assert.True((await lease.PeekAsync()).IsFree);
    }

    [Fact]
    public async Task A_release_whose_write_landed_although_it_failed_is_done_when_it_is_repeated()
    {
        var (pool, _, lease) = await JoinedAsync();
        await lease.AcquireAsync(new(), CancellationToken.None);
        pool.Area.FailedWritesLand = true;
        var failed = false;
        pool.Area.Fault = (write, offset) => write && offset == Pool.MiB && !failed && (failed = true) ? new IOException("no answer") : null;
        Assert.IsType<ReleaseOutcome.IoFailed>(await lease.ReleaseAsync());
        Assert.True((await lease.PeekAsync()).IsFree);
        Assert.Equal(new ReleaseOutcome.Released(false), await lease.ReleaseAsync());
    }

    [Fact]
    public async Task A_release_that_somebody_takes_up_half_way_is_done_when_it_is_repeated()
    {
        var (pool, _, lease) = await JoinedAsync();
        var (other, otherLease) = pool.Host(2);
        Assert.IsType<JoinOutcome.Joined>(await other.JoinAsync(CancellationToken.None));
        await lease.AcquireAsync(new(), CancellationToken.None);
        var failed = false;
        pool.Area.Fault = (write, offset) => write && offset == VoteOfHost1 && !failed && (failed = true) ? new IOException("no answer") : null;
        Assert.IsType<ReleaseOutcome.IoFailed>(await lease.ReleaseAsync());
        Assert.Equal(new AcquireOutcome.Acquired(2), await otherLease.AcquireAsync(new(), CancellationToken.None));
        Assert.Equal(new ReleaseOutcome.Released(false), await lease.ReleaseAsync());
        Assert.Equal((2, 2ul, false), ((await lease.PeekAsync()).OwnerId, otherLease.HeldVersion, (await lease.PeekAsync()).IsFree));
    }

    /// A rival wrote us in, so as soon as our vote says released somebody takes it: no leader write of ours may be under way then.
    [Fact]
    public async Task The_last_write_of_a_release_is_the_vote()
    {
        var (pool, _, lease) = await JoinedAsync();
        await lease.AcquireAsync(new(), CancellationToken.None);
        pool.Area.Log.Clear();
        Assert.Equal(new ReleaseOutcome.Released(false), await lease.ReleaseAsync());
        Assert.Equal([Pool.MiB, VoteOfHost1], pool.Area.Log.Where(io => io.Write).Select(io => io.Offset));
    }

    [Fact]
    public async Task A_resource_made_anew_under_its_owner_is_not_touched_by_its_release()
    {
        var (pool, _, lease) = await JoinedAsync();
        await lease.AcquireAsync(new(MinimumVersion: 8), CancellationToken.None);
        await ResourceFormat.InitialiseAsync(pool.Area, Pool.MiB, LeaseGeometry.For(512, Pool.MiB), "LS", "SDM", 16);
        pool.Area.Log.Clear();
        Assert.Equal(ConfirmOutcome.NotOurs, await lease.ConfirmAsync());
        Assert.IsType<ReleaseOutcome.LeaderChanged>(await lease.ReleaseAsync());
        Assert.DoesNotContain(pool.Area.Log, io => io.Write);
    }

    /// R22. A rival wrote us in, so after half a release it is free for host 2, which votes for itself on version 2. If we skipped to 51,
    /// its votes would not count for us, and we would write ourselves over the owner it has become.
    [Fact]
    public async Task After_half_a_release_no_version_is_skipped_before_the_next_one_is_decided()
    {
        var (pool, _, lease) = await JoinedAsync();
        var (other, otherLease) = pool.Host(2);
        Assert.IsType<JoinOutcome.Joined>(await other.JoinAsync(CancellationToken.None));
        await lease.AcquireAsync(new(), CancellationToken.None);
        pool.Edit(LeaderKind.Resource, Pool.MiB, leader => leader with { WriteId = 5, WriteGeneration = 1 });
        var failed = false;
        pool.Area.FailedWritesLand = true;
        pool.Area.Fault = (write, offset) => write && offset == VoteOfHost1 && !failed && (failed = true) ? new IOException("no answer") : null;
        Assert.IsType<ReleaseOutcome.IoFailed>(await lease.ReleaseAsync());

        // Host 2 is at its last write, with its votes counted, when we come.
        AcquireOutcome? ours = null;
        var taking = false;
        pool.Area.Fault = (write, offset) =>
        {
            if (write && offset == Pool.MiB && !taking)
            {
                taking = true;
                ours = lease.AcquireAsync(new(MinimumVersion: 50), CancellationToken.None).AsTask().GetAwaiter().GetResult();
            }

            return null;
        };
        Assert.Equal(new AcquireOutcome.Acquired(2), await otherLease.AcquireAsync(new(), CancellationToken.None));
        Assert.Equal(2, Assert.IsType<AcquireOutcome.OwnedByLiveHost>(ours).OwnerId);
        Assert.Equal((2, 2ul, 0ul), ((await lease.PeekAsync()).OwnerId, (await lease.PeekAsync()).LeaseVersion, lease.HeldVersion));
    }

    [Theory]
    [InlineData(2, 2, true)]
    [InlineData(1, 2, false)]
    [InlineData(2, 0, false)]
    public async Task A_request_is_open_until_the_lease_has_reached_the_version_it_wants(int wanted, int mode, bool isOpen)
    {
        var (pool, _, lease) = await JoinedAsync();
        await lease.AcquireAsync(new(), CancellationToken.None);
        new RequestRecord(RequestRecord.CurrentVersion, (ulong)wanted, (uint)mode).Format(pool.Area.Bytes.AsSpan(Pool.MiB + 512, 512));
        Assert.Equal(isOpen, (await lease.PeekAsync()).Request is not null);
    }

    /// R19: what stands on disk was left by a host with T = 1, but a rival of ours may take 2 × 3 s to show itself.
    [Fact]
    public async Task Joining_waits_by_the_larger_of_our_io_timeout_and_the_one_on_disk()
    {
        var pool = await Pool.FreshAsync();
        var slow = new LeaseTiming(TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(3));
        var start = pool.Clock.Now;
        Assert.IsType<JoinOutcome.Joined>(await pool.Host(1, timing: slow).Keeper.JoinAsync(CancellationToken.None));
        Assert.InRange((pool.Clock.Now - start).TotalSeconds, 6, 6.5);
    }

    /// The renewal may land at once and be answered late: others count from when it landed.
    [Fact]
    public async Task A_renewal_counts_from_before_it_was_issued()
    {
        var (pool, keeper, _) = await JoinedAsync();
        using var stop = new CancellationTokenSource();
        var (writes, margin) = (0, TimeSpan.Zero);
        pool.Area.Fault = (write, offset) =>
        {
            if (write && ++writes == 1)
            {
                pool.Clock.Now += TimeSpan.FromSeconds(3);
            }
            else if (writes == 1 && margin == TimeSpan.Zero)
            {
                margin = keeper.Deadline.Margin;
                stop.Cancel();
            }

            return null;
        };
        Assert.Equal(LeaseLostReason.Stopped, (await keeper.RunAsync(stop.Token)).Reason);
        Assert.InRange(margin.TotalSeconds, 4.9, 5);
    }

    /// Before a header is written both have to be ours: a host id that was taken over is the end, whatever the leader says (R25).
    [Fact]
    public async Task A_lease_is_confirmed_together_with_the_host_id_it_is_held_under()
    {
        var (pool, _, lease) = await JoinedAsync();
        await lease.AcquireAsync(new(), CancellationToken.None);
        Assert.Equal(ConfirmOutcome.Ours, await lease.ConfirmWithHostIdAsync());
        long unread = 0;
        pool.Area.Fault = (write, offset) => !write && offset == unread ? new IOException("does not answer") : null;
        Assert.Equal(ConfirmOutcome.Unknown, await lease.ConfirmWithHostIdAsync());
        unread = Pool.MiB;
        Assert.Equal(ConfirmOutcome.Unknown, await lease.ConfirmWithHostIdAsync());
        pool.Edit(LeaderKind.HostId, 0, host => host with { Resource = LeaseName.Of("somebody else") });
        Assert.Equal(ConfirmOutcome.NotOurs, await lease.ConfirmWithHostIdAsync());
        unread = -1;
        Assert.Equal((ConfirmOutcome.Ours, ConfirmOutcome.NotOurs), (await lease.ConfirmAsync(), await lease.ConfirmWithHostIdAsync()));
    }

    [Fact]
    public async Task A_second_process_in_our_sector_ends_everything_at_once()
    {
        var (pool, keeper, _) = await JoinedAsync();
        pool.Edit(LeaderKind.HostId, 0, host => host with { Timestamp = host.Timestamp + 1 });
        Assert.Equal(ConfirmOutcome.Ours, await keeper.ConfirmAsync());
        Assert.Equal(LeaseLostReason.SectorDamaged, (await keeper.RunAsync(CancellationToken.None)).Reason);
        Assert.Equal(ConfirmOutcome.NotOurs, await keeper.ConfirmAsync());
        Assert.False(keeper.Deadline.Holds());
        Assert.IsType<JoinOutcome.Joined>(await keeper.JoinAsync(CancellationToken.None));
        pool.Edit(LeaderKind.HostId, 0, host => host with { Resource = LeaseName.Of("somebody else") });
        Assert.Equal(LeaseLostReason.TakenByOther, (await keeper.RunAsync(CancellationToken.None)).Reason);
    }

    [Fact]
    public async Task A_host_id_that_another_name_left_behind_is_taken_only_when_it_is_provably_dead()
    {
        var (pool, _, _) = await JoinedAsync();
        var (second, _) = pool.Host(1, "another-machine");
        var start = pool.Clock.Now;
        Assert.Equal(new JoinOutcome.Joined(2), await second.JoinAsync(CancellationToken.None));
        Assert.InRange((pool.Clock.Now - start).TotalSeconds, 8 + 3 + 2, 8 + 3 + 2 + 1);
        var (again, _) = pool.Host(1, "another-machine");
        start = pool.Clock.Now;
        Assert.Equal(new JoinOutcome.Joined(3), await again.JoinAsync(CancellationToken.None));
        Assert.InRange((pool.Clock.Now - start).TotalSeconds, 2, 2.5);
    }

    [Fact]
    public async Task A_host_id_in_use_is_refused_within_one_of_its_renewals()
    {
        var (pool, _, _) = await JoinedAsync();
        var reads = 0;
        pool.Area.Fault = (_, _) =>
        {
            if (++reads == 2)
            {
                pool.Edit(LeaderKind.HostId, 0, host => host with { Timestamp = host.Timestamp + 2 });
            }

            return null;
        };
        var busy = Assert.IsType<JoinOutcome.Busy>(await pool.Host(1, "another-machine").Keeper.JoinAsync(CancellationToken.None));
        Assert.Equal("machine-1", busy.Holder);
    }

    private static async Task<(Pool Pool, LeaseKeeper Keeper, ResourceLease Lease)> JoinedAsync()
    {
        var pool = await Pool.FreshAsync();
        var (keeper, lease) = pool.Host(1);
        Assert.IsType<JoinOutcome.Joined>(await keeper.JoinAsync(CancellationToken.None));
        return (pool, keeper, lease);
    }
}
