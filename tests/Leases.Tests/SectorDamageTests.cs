using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.Leases.Tests;

/// Every sector, every damage, every operation: the right reason, nothing taken that must not be, nothing written that is not ours.
public class SectorDamageTests
{
    private const int Hosts = 16, Sector = 512, OwnHost = 0, OwnVote = Pool.MiB + (2 * Sector), Leader = Pool.MiB;

    /// Ours, neighbours, the last one the resource is for, the first beyond the shortest read, the last.
    private static readonly int[] HostIds = [.. Enumerable.Range(1, 20), 255, 256, 257, 1999, 2000];

    [Fact]
    public Task Joining_believes_its_own_sector_or_says_why_not_and_writes_no_other() => OverHostsAsync(async (pool, id, damage, expected) =>
    {
        var outcome = await pool.Host(1).Keeper.JoinAsync(CancellationToken.None);
        if (id != 1 || expected == RecordError.None)
        {
            Assert.IsType<JoinOutcome.Joined>(outcome);
            OnlyWrote(pool, OwnHost);
            return;
        }

        var refused = Assert.IsType<JoinOutcome.Refused>(outcome);
        Assert.Equal((expected, 0L), (refused.Error, refused.SectorOffsetBytes));
        Assert.Contains(expected.Explain(), refused.Text);
        OnlyWrote(pool);
    });

    [Fact]
    public Task A_renewal_goes_on_beside_any_damage_and_ends_at_once_when_it_is_its_own() => OverHostsAsync(async (pool, id, damage, expected) =>
    {
        // What is right as a record is not what we left there all the same; the second half of the sector is not part of it.
        var ours = id == 1 && !damage.Name.EndsWith("second half", StringComparison.Ordinal);
        var keeper = pool.Joined!.Value.Keeper;
        using var stop = new CancellationTokenSource();
        pool.Area.Fault = (write, _) =>
        {
            if (write)
            {
                stop.Cancel();
            }

            return null;
        };
        var ended = await keeper.RunAsync(stop.Token);
        Assert.Equal(ours ? expected == RecordError.WrongOwner ? LeaseLostReason.TakenByOther : LeaseLostReason.SectorDamaged : LeaseLostReason.Stopped, ended.Reason);
        Assert.Equal(!ours, keeper.Deadline.Holds());
        OnlyWrote(pool, ours ? [] : [OwnHost]);
        if (id != 1 && expected != RecordError.None)
        {
            Assert.Equal(HostState.Unreadable, keeper.Hosts.Find(id)!.Value.State);
        }
    }, joined: true);

    [Fact]
    public Task A_resource_is_not_taken_from_an_owner_whose_host_id_cannot_be_judged() => OverHostsAsync(async (pool, id, damage, expected) =>
    {
        var outcome = await pool.Joined!.Value.Lease.AcquireAsync(new(), CancellationToken.None);
        if (id == 2 && expected != RecordError.None)
        {
            Assert.Equal(expected, Assert.IsType<AcquireOutcome.Refused>(outcome).Error);
        }
        else
        {
            Assert.Equal(2, Assert.IsType<AcquireOutcome.OwnerMayLive>(outcome).OwnerId);
        }

        OnlyWrote(pool);
    }, joined: true, heldByHost2: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public Task A_resource_with_a_sector_that_cannot_be_believed_is_not_taken_and_says_which(bool heldByHost2) => OverResourceAsync(async (pool, sector, damage, expected) =>
    {
        var outcome = await pool.Joined!.Value.Lease.AcquireAsync(new(), CancellationToken.None);
        if (expected != RecordError.None)
        {
            var refused = Assert.IsType<AcquireOutcome.Refused>(outcome);
            Assert.Equal((expected, (long)sector * Sector), (refused.Error, refused.SectorOffsetBytes));
            Assert.Contains(expected.Explain(), refused.Text);
            OnlyWrote(pool);
        }
        else if (heldByHost2)
        {
            Assert.Equal(2, Assert.IsType<AcquireOutcome.OwnerMayLive>(outcome).OwnerId);
            OnlyWrote(pool);
        }
        else
        {
            Assert.IsType<AcquireOutcome.Acquired>(outcome);
            OnlyWrote(pool, OwnVote, Leader);
        }
    }, heldByHost2: heldByHost2);

    [Fact]
    public Task A_look_at_a_resource_gives_the_reason_and_no_owner() => OverResourceAsync(async (pool, sector, damage, expected) =>
    {
        var view = await pool.Joined!.Value.Lease.PeekAsync();
        Assert.Equal(sector == 0 ? expected : RecordError.None, view.Error);
        Assert.Equal(view.IsReadable, view is { OwnerId: 2, Generation: 1 });
        OnlyWrote(pool);
    }, heldByHost2: true);

    [Fact]
    public Task A_holder_whose_leader_cannot_be_believed_stops_and_leaves_it_alone() => OverResourceAsync(async (pool, sector, damage, expected) =>
    {
        Assert.Equal(sector != 0 || expected == RecordError.None ? ConfirmOutcome.Ours : ConfirmOutcome.NotOurs, await pool.Joined!.Value.Lease.ConfirmAsync());
        OnlyWrote(pool);
    }, heldByUs: true);

    [Fact]
    public Task A_release_marks_its_own_vote_and_leaves_a_leader_alone_that_cannot_be_believed() => OverResourceAsync(async (pool, sector, damage, expected) =>
    {
        var outcome = await pool.Joined!.Value.Lease.ReleaseAsync();
        if (sector != 0 || expected == RecordError.None)
        {
            Assert.IsType<ReleaseOutcome.Released>(outcome);
            OnlyWrote(pool, OwnVote, Leader);
        }
        else
        {
            Assert.IsType<ReleaseOutcome.LeaderChanged>(outcome);
            OnlyWrote(pool, OwnVote);
        }
    }, heldByUs: true);

    [Fact]
    public async Task What_is_damaged_is_shown_with_its_reason()
    {
        await OverHostsAsync(async (pool, id, damage, expected) =>
        {
            // The dump shows what stands there; what only the reader of this lockspace can know is not its business.
            var shown = await LeaseDump.HostsAsync(pool.Area, LeaseGeometry.For(Sector, Pool.MiB));
            if (expected is RecordError.WrongMagic or RecordError.WrongChecksum or RecordError.WrongVersion)
            {
                Assert.Equal(expected, shown.Single(host => host.HostId == id).Error);
            }
        });
        await OverResourceAsync(async (pool, sector, damage, expected) =>
        {
            var shown = await LeaseDump.ResourceAsync(pool.Area, Pool.MiB, LeaseGeometry.For(Sector, Pool.MiB));
            if (sector == 0 && expected is RecordError.WrongMagic or RecordError.WrongChecksum or RecordError.WrongVersion or RecordError.Cleared)
            {
                Assert.Equal(expected, sector == 0 ? shown.LeaderError : shown.Votes.Single(vote => vote.HostId == sector - 1).Error);
            }
        });
    }

    private static async Task OverHostsAsync(
        Func<Pool, int, SectorDamage, RecordError, Task> check, bool joined = false, bool heldByHost2 = false)
    {
        foreach (var id in HostIds)
        {
            foreach (var damage in SectorDamage.All.Where(damage => damage.InHost is not null))
            {
                var pool = await PoolAsync(joined, heldByHost2, heldByUs: false);
                await CheckAsync(pool, (id - 1) * Sector, damage, $"host id {id}", () => check(pool, id, damage, damage.InHost!.Value));
            }
        }
    }

    private static async Task OverResourceAsync(
        Func<Pool, int, SectorDamage, RecordError, Task> check, bool heldByHost2 = false, bool heldByUs = false)
    {
        for (var sector = 0; sector < Hosts + 4; sector++)
        {
            foreach (var damage in SectorDamage.All)
            {
                // The request is advice, and nobody beyond num_hosts votes: whatever stands there changes nothing.
                var expected = sector == 0 ? damage.InLeader : sector == 1 || sector > Hosts + 1 ? (damage.InVote is null ? null : RecordError.None) : damage.InVote;
                if (expected is { } error)
                {
                    var pool = await PoolAsync(joined: true, heldByHost2, heldByUs);
                    await CheckAsync(pool, Pool.MiB + (sector * Sector), damage, $"sector {sector}", () => check(pool, sector, damage, error));
                }
            }
        }
    }

    private static async Task CheckAsync(Pool pool, int at, SectorDamage damage, string where, Func<Task> check)
    {
        damage.Apply(pool.Area.Bytes[at..(at + Sector)]).CopyTo(pool.Area.Bytes, at);
        pool.Area.Log.Clear();
        try
        {
            await check();
        }
        catch (Xunit.Sdk.XunitException failed)
        {
            Assert.Fail($"{where}, {damage}: {failed.Message}");
        }
    }

    private static async Task<Pool> PoolAsync(bool joined, bool heldByHost2, bool heldByUs)
    {
        var pool = await Pool.FreshAsync();
        if (heldByHost2)
        {
            var (keeper, lease) = pool.Host(2);
            Assert.IsType<JoinOutcome.Joined>(await keeper.JoinAsync(CancellationToken.None));
            Assert.IsType<AcquireOutcome.Acquired>(await lease.AcquireAsync(new(), CancellationToken.None));
        }

        if (joined)
        {
            pool.Joined = pool.Host(1);
            Assert.IsType<JoinOutcome.Joined>(await pool.Joined.Value.Keeper.JoinAsync(CancellationToken.None));
            if (heldByUs)
            {
                Assert.IsType<AcquireOutcome.Acquired>(await pool.Joined.Value.Lease.AcquireAsync(new(), CancellationToken.None));
            }
        }

        return pool;
    }

    private static void OnlyWrote(Pool pool, params int[] mayWrite)
    {
        var wrote = pool.Area.Log.Where(io => io.Write).ToList();
        Assert.All(wrote, io => Assert.True(io.Length == Sector && mayWrite.Contains((int)io.Offset), $"wrote {io.Length} bytes at {io.Offset}"));
        Assert.Equal(mayWrite.Length > 0, wrote.Count > 0);
    }
}
