using System.Buffers.Binary;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.Leases.Tests;

/// <summary>Host 3 (sector 4 of the resource) shares it, as sanlock marks it; T = 1, W = 3.</summary>
public class SharedResourceTests
{
    private const int SharersVote = Pool.MiB + (4 * 512);
    private static readonly AcquireOptions Waiting = new(WaitForDeadOwner: true, WaitForLiveOwner: true);

    [Fact]
    public async Task While_it_is_shared_no_ballot_is_held()
    {
        var (pool, lease) = await SharedAsync(generation: 1);
        pool.Area.Log.Clear();
        var shared = Assert.IsType<AcquireOutcome.SharedByLiveHosts>(await lease.AcquireAsync(new(), CancellationToken.None));
        Assert.Equal([3], shared.HostIds);
        Assert.DoesNotContain(pool.Area.Log, io => io.Write);
    }

    /// The table of hosts is as old as the last renewal, and here older than the sharer's join.
    [Fact]
    public async Task A_sharer_that_joined_since_the_last_look_at_all_hosts_is_alive()
    {
        var pool = await Pool.FreshAsync();
        var (keeper, lease) = pool.Host(1);
        await keeper.JoinAsync(CancellationToken.None);
        using var stop = new CancellationTokenSource();
        var looked = false;
        pool.Area.Fault = (write, offset) =>
        {
            // The first renewal has looked at everything: host 3 is free in the table from here on.
            looked |= write && offset == 0;
            if (looked)
            {
                stop.Cancel();
            }

            return null;
        };
        Assert.Equal(LeaseLostReason.Stopped, (await keeper.RunAsync(stop.Token)).Reason);
        Assert.Equal(HostState.Free, keeper.Hosts.Find(3)!.Value.State);

        pool.Area.Fault = null;
        Assert.IsType<JoinOutcome.Joined>(await pool.Host(3).Keeper.JoinAsync(CancellationToken.None));
        Share(pool, generation: 1);
        Assert.IsType<AcquireOutcome.SharedByLiveHosts>(await lease.AcquireAsync(new(), CancellationToken.None));
    }

    /// Between our first look and our ballot somebody else took it for a moment and marked itself.
    [Fact]
    public async Task A_share_that_appears_during_the_ballot_is_seen_and_what_we_took_goes_back()
    {
        var (pool, lease) = await SharedAsync(generation: 0);
        var votes = 0;
        pool.Area.Fault = (write, offset) =>
        {
            if (write && offset == Pool.MiB + (2 * 512) && ++votes == 1)
            {
                Share(pool, generation: 1);
            }

            return null;
        };
        Assert.IsType<AcquireOutcome.SharedByLiveHosts>(await lease.AcquireAsync(new(), CancellationToken.None));
        Assert.Equal(0ul, lease.HeldVersion);
        Assert.Equal((true, 1ul), ((await lease.PeekAsync()).IsFree, (await lease.PeekAsync()).LeaseVersion));
    }

    [Fact]
    public async Task Who_waits_gets_it_as_soon_as_the_share_is_given_back()
    {
        var (pool, lease) = await SharedAsync(generation: 1);
        var looks = 0;
        pool.Area.Fault = (write, offset) =>
        {
            if (!write && offset == 2 * 512 && ++looks == 4)
            {
                Share(pool, generation: 0);
            }

            return null;
        };
        Assert.Equal(new AcquireOutcome.Acquired(1), await lease.AcquireAsync(Waiting, CancellationToken.None));
        Assert.Equal(4, looks);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_share_ends_with_the_life_that_holds_it(bool left)
    {
        var (pool, lease) = await SharedAsync(generation: 1);
        pool.Edit(LeaderKind.HostId, 2 * 512, host => left ? host with { Timestamp = 0 } : host with { OwnerGeneration = 2 });
        Assert.Equal(new AcquireOutcome.Acquired(1), await lease.AcquireAsync(new(), CancellationToken.None));
    }

    [Fact]
    public async Task A_sharer_that_cannot_be_judged_is_alive()
    {
        var (pool, lease) = await SharedAsync(generation: 1);
        pool.Area.Bytes[(2 * 512) + 40] ^= 1;
        Assert.IsType<AcquireOutcome.SharedByLiveHosts>(await lease.AcquireAsync(new(), CancellationToken.None));
    }

    /// <param name="generation">0: not shared.</param>
    private static void Share(Pool pool, ulong generation)
    {
        var mode = pool.Area.Bytes.AsSpan(SharersVote + ModeBlock.OffsetBytes, ModeBlock.SizeBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(mode, generation == 0 ? 0u : 1u);
        BinaryPrimitives.WriteUInt64LittleEndian(mode[8..], generation);
    }

    private static async Task<(Pool Pool, ResourceLease Lease)> SharedAsync(ulong generation)
    {
        var pool = await Pool.FreshAsync();
        Assert.IsType<JoinOutcome.Joined>(await pool.Host(3).Keeper.JoinAsync(CancellationToken.None));
        var (keeper, lease) = pool.Host(1);
        Assert.IsType<JoinOutcome.Joined>(await keeper.JoinAsync(CancellationToken.None));
        Share(pool, generation);
        return (pool, lease);
    }
}
