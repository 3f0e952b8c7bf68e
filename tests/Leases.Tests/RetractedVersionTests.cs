using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.Leases.Tests;

/// <summary>A version that a host took back once is no grant any more, whoever writes that host as its owner.</summary>
public class RetractedVersionTests
{
    private const int VoteOfHost1 = Pool.MiB + (2 * 512);
    private const int VoteOfHost2 = Pool.MiB + (3 * 512);

    /// Host 2 adopts our proposal for version 1, is slow, and writes us as owner while we try again. Host 3 has read our mark by then, and
    /// version 1 as free: it votes on 2.
    [Fact]
    public async Task A_host_that_is_written_in_for_a_version_it_took_back_goes_on_to_the_next()
    {
        var pool = await Pool.FreshAsync();
        var (keeper, lease) = pool.Host(1);
        await keeper.JoinAsync(CancellationToken.None);
        var votes = 0;
        pool.Area.Fault = (write, offset) =>
        {
            if (write && offset == VoteOfHost1 && ++votes == 2)
            {
                // It has read our proposal as soon as that landed.
                Adopted(pool, 100 * 2000 + 2, keeper.Generation);
            }

            return null;
        };
        Assert.IsType<AcquireOutcome.Contended>(await lease.AcquireAsync(new(MaxBallots: 1), CancellationToken.None));
        Assert.True(OwnVote(pool).IsReleased);

        var leaders = 0;
        pool.Area.Fault = (write, offset) =>
        {
            if (write && offset == VoteOfHost1 && leaders < 3)
            {
                Adopted(pool, 200 * 2000 + 2, keeper.Generation);
            }

            if (!write && offset == Pool.MiB && ++leaders == 3)
            {
                // All that it wrote for version 1 still says released.
                Assert.True(OwnVote(pool).IsReleased);
                pool.Edit(LeaderKind.Resource, Pool.MiB, leader => leader with
                {
                    OwnerId = 1, OwnerGeneration = keeper.Generation, LeaseVersion = 1, Timestamp = 50, WriteId = 2, WriteGeneration = 1,
                });
            }

            return null;
        };
        Assert.Equal(new AcquireOutcome.Acquired(2), await lease.AcquireAsync(new(), CancellationToken.None));
        Assert.Equal((2ul, false), (OwnVote(pool).LeaseVersion, OwnVote(pool).IsReleased));
    }

    private static void Adopted(Pool pool, ulong number, ulong generation) =>
        new BallotBlock(number, number, new OwnerValue(1, generation, 50), 1, 0).Format(pool.Area.Bytes.AsSpan(VoteOfHost2, 512));

    private static BallotBlock OwnVote(Pool pool)
    {
        Assert.Equal(RecordError.None, BallotBlock.TryParse(pool.Area.Bytes.AsSpan(VoteOfHost1, 512), out var vote));
        return vote;
    }
}
