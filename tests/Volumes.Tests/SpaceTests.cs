using FsCheck.Fluent;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Volumes.Tests;

public sealed class SpaceTests
{
    const long GiB = 1L << 30, Extent = 128L << 20;

    [Fact]
    public void Rules_survive_the_tags_and_other_tags_are_not_ours()
    {
        var rules = new SpaceTags(300, 5, 2048, 70, []);
        Assert.Equal(["SPM_OVERCOMMIT=300", "SPM_RESERVE_PERCENT=5", "SPM_RESERVE_MIB=2048", "SPM_WARN_PERCENT=70"], rules.ToTags());
        Assert.Equal(rules, SpaceTags.Parse(["RHAT_storage_domain", "SPM_EPOCH=7", .. rules.ToTags()]));
        Assert.Equal(SpaceTags.Default, SpaceTags.Parse(["MDT_VERSION=5"]));
        Assert.Empty(SpaceTags.Default.ToTags());
    }

    [Fact]
    public void What_is_malformed_or_stands_there_twice_is_named_and_counts_carefully()
    {
        var rules = SpaceTags.Parse(["SPM_OVERCOMMIT=400", "SPM_OVERCOMMIT=200", "SPM_RESERVE_PERCENT=1", "SPM_RESERVE_PERCENT=9", "SPM_WARN_PERCENT=x", "SPM_RESERVE_MIB=-1"]);
        Assert.Equal((200, 9, 0L, 85), (rules.OvercommitPercent!.Value, rules.ReservePercent, rules.ReserveMib, rules.WarnPercent));
        Assert.Equal(["SPM_OVERCOMMIT=200", "SPM_RESERVE_PERCENT=9", "SPM_WARN_PERCENT=x", "SPM_RESERVE_MIB=-1"], rules.Wrong);
    }

    [Theory]
    [InlineData(10, 0, SpaceUse.Creation, 8)]      // 1 GiB of 10
    [InlineData(10, 0, SpaceUse.Person, 4)]
    [InlineData(10, 0, SpaceUse.Guest, 0)]
    [InlineData(10, 2048, SpaceUse.Creation, 16)]  // the larger counts
    [InlineData(1, 0, SpaceUse.Creation, 1)]       // 102.4 MiB: a whole extent
    [InlineData(1, 0, SpaceUse.Person, 0)]
    [InlineData(0, 1 << 30, SpaceUse.Creation, 80)] // never more than the pool
    public void The_reserve_is_whole_extents_and_each_leaves_its_share(int percent, long mib, SpaceUse use, long extents) =>
        Assert.Equal(extents * Extent, PoolSpace.Floor(use, 10 * GiB, SpaceTags.Default with { ReservePercent = percent, ReserveMib = mib }, Extent));

    [Fact]
    public void Who_may_take_more_is_refused_later_whatever_the_rules() =>
        Forall.Of(
            from extents in Gen.Choose(0, 100_000)
            from percent in Gen.Choose(0, 90)
            from mib in Gen.Choose(0, 1 << 30)
            select (extents, percent, mib),
            input =>
            {
                var (size, rules) = (input.extents * Extent, SpaceTags.Default with { ReservePercent = input.percent, ReserveMib = input.mib });
                var floors = new[] { SpaceUse.Guest, SpaceUse.Person, SpaceUse.Creation }.Select(use => PoolSpace.Floor(use, size, rules, Extent)).ToList();
                Assert.Equal(0, floors[0]);
                Assert.True(floors[0] <= floors[1] && floors[1] <= floors[2] && floors[2] <= size);
                Assert.All(floors, floor => Assert.Equal(0, floor % Extent));
            }, 2000);

    [Fact]
    public void The_promise_limit_is_a_share_of_the_pool()
    {
        Assert.Null(Space(10 * GiB).PromiseLimitBytes);
        Assert.Equal(150 * GiB, (Space(10 * GiB) with { Rules = SpaceTags.Default with { OvercommitPercent = 150 } }).PromiseLimitBytes);
    }

    /// 100 GiB, 10 % reserve: each level is entered once on the way up, and left once on the way down, however often it is looked at.
    [Fact]
    public void Each_level_is_crossed_once_each_way_however_the_last_extents_come_and_go()
    {
        var (watch, now, crossings) = (SpaceWatch.Start, TimeSpan.Zero, new List<SpaceLevel>());
        void See(double freeGib)
        {
            var before = watch.Level;
            // A day between two looks: the rate says nothing.
            watch = watch.Step(Space((long)(freeGib * GiB), 10), now += TimeSpan.FromDays(1));
            if (watch.Level != before)
            {
                crossings.Add(watch.Level);
            }
        }
        foreach (var free in new[] { 50, 16, 15, 14.9, 15.2, 15, 10, 10.5, 9.9, 0, 0, 9, 10.1, 13, 15.5, 16.5, 18, 30 })
        {
            See(free);
        }
        Assert.Equal([SpaceLevel.Low, SpaceLevel.Reserve, SpaceLevel.Full, SpaceLevel.Reserve, SpaceLevel.Low, SpaceLevel.Ample], crossings);
    }

    [Fact]
    public void A_steady_rate_is_measured_and_warned_of_an_hour_before_the_end_and_one_extend_is_no_trend()
    {
        var watch = SpaceWatch.Start.Step(Space(80 * GiB), TimeSpan.FromSeconds(1));
        watch = watch.Step(Space(80 * GiB - Extent), TimeSpan.FromSeconds(2));
        Assert.Equal(SpaceLevel.Ample, watch.Level);
        Assert.True(watch.TimeToFull(Space(80 * GiB)) > TimeSpan.FromHours(10), $"{watch.TimeToFull(Space(80 * GiB))}");

        // 32 MiB/s: 80 GiB last 43 minutes.
        for (var second = 3; second < 3600 && watch.Level == SpaceLevel.Ample; second++)
        {
            watch = watch.Step(Space(80 * GiB - (second * (32L << 20))), TimeSpan.FromSeconds(second));
        }
        Assert.Equal(SpaceLevel.Soon, watch.Level);
        Assert.InRange(watch.TimeToFull(Space(80 * GiB - watch.AllocatedBytes + (20 * GiB)))!.Value.TotalMinutes, 20, 60.01);
        // It stops: half an hour later nothing is to be feared.
        var rest = 100 * GiB - watch.AllocatedBytes;
        Assert.Equal(SpaceLevel.Ample, watch.Step(Space(rest), watch.At + TimeSpan.FromMinutes(30)).Level);
    }

    [Fact]
    public void Whatever_is_measured_the_rate_is_a_number_and_freed_space_is_no_negative_rate() =>
        Forall.Of(
            from free in Gen.Choose(0, 800).ArrayOf()
            from steps in Gen.Choose(-5, 100_000).ArrayOf()
            select (free, steps),
            input =>
            {
                var (watch, now) = (SpaceWatch.Start, TimeSpan.Zero);
                foreach (var (free, step) in input.free.Zip(input.steps))
                {
                    watch = watch.Step(Space(free * Extent), now += TimeSpan.FromMilliseconds(step));
                    Assert.InRange(watch.BytesPerSecond, 0, double.MaxValue);
                    Assert.Equal(free == 0, watch.Level == SpaceLevel.Full);
                }
            }, 1000);

    static PoolSpace Space(long free, int reservePercent = 0) => new(100 * GiB, free, 0, SpaceTags.Default with { ReservePercent = reservePercent }, Extent);
}
