using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.Leases.Tests;

/// <summary>T = 1, W = 3: an owner is dead 11 s (and one part in a thousand) after its last seen change.</summary>
public class OwnerWatchTests
{
    private static readonly LeaseTiming Timing = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3));
    private static readonly LeaderRecord Owner = new()
    {
        Kind = LeaderKind.HostId, Version = 0x30004, OwnerId = 1, OwnerGeneration = 4, Timestamp = 50, IoTimeoutField = 1,
    };

    [Fact]
    public void An_owner_that_does_not_change_is_dead_after_8T_and_W_and_not_before()
    {
        var watch = Watch();
        Assert.False(watch.IsGone(Owner, At(100), At(100)));
        Assert.False(watch.IsGone(Owner, At(111), At(111)));
        Assert.True(watch.IsOverdue);
        Assert.True(watch.IsGone(Owner, At(111.02), At(111.03)));
    }

    /// A read whose answer reaches a host that slept shows the disk as it was before the sleep.
    [Fact]
    public void An_answer_that_came_late_proves_nothing_about_the_time_it_took()
    {
        var watch = Watch();
        Assert.False(watch.IsGone(Owner, At(100), At(100)));
        Assert.False(watch.IsGone(Owner, At(101), At(200)));
        Assert.False(watch.IsGone(Owner with { Timestamp = 60 }, At(200), At(201)));
        Assert.True(watch.SeenAlive);
    }

    [Fact]
    public void A_change_counts_from_when_its_answer_came()
    {
        var watch = Watch();
        Assert.False(watch.IsGone(Owner, At(100), At(105)));
        Assert.False(watch.IsGone(Owner, At(115.9), At(116)));
        Assert.True(watch.IsGone(Owner, At(116.1), At(116.1)));
    }

    [Fact]
    public void A_released_host_id_or_a_later_life_ends_the_owner_at_once()
    {
        Assert.True(Watch().IsGone(Owner with { Timestamp = 0 }, At(100), At(100)));
        Assert.True(Watch().IsGone(Owner with { OwnerGeneration = 5 }, At(100), At(100)));
        Assert.False(Watch().IsGone(Owner with { OwnerGeneration = 3 }, At(100), At(100)));
    }

    /// A lockspace made anew beside a resource that was kept counts generations from 1 again. Its new hosts renew for ever under a generation
    /// that the leader never named; taken for the owner's, no host would ever own the resource again.
    [Theory]
    [InlineData(3)]
    [InlineData(0)]
    public void An_owner_whose_sector_is_in_an_earlier_life_is_dead_after_8T_and_W_although_that_sector_changes(int generation)
    {
        var watch = Watch();
        var other = Owner with { OwnerId = generation == 0 ? 0ul : 1, OwnerGeneration = (ulong)generation, Timestamp = generation == 0 ? 0ul : 7 };
        Assert.False(watch.IsGone(other, At(100), At(100)));
        Assert.False(watch.IsGone(other with { Timestamp = other.Timestamp * 2 }, At(111), At(111)));
        Assert.False(watch.SeenAlive);
        Assert.True(watch.IsGone(other with { Timestamp = other.Timestamp * 3 }, At(111.02), At(111.03)));
    }

    /// Its last renewal was on its way while the lockspace was made anew.
    [Fact]
    public void An_owner_that_comes_back_after_another_life_stood_there_has_its_whole_time_again()
    {
        var watch = Watch();
        Assert.False(watch.IsGone(Owner with { OwnerGeneration = 3 }, At(100), At(100)));
        Assert.False(watch.IsGone(Owner, At(105), At(105)));
        Assert.True(watch.SeenAlive);
        Assert.False(watch.IsGone(Owner, At(115), At(115)));
        Assert.True(watch.IsGone(Owner, At(116.1), At(116.1)));
    }

    [Fact]
    public void What_the_host_table_saw_counts_and_another_life_in_it_does_not()
    {
        var sighting = new HostSighting(Owner, RecordError.None, At(80), At(110), At(90), At(80));
        Assert.True(new OwnerWatch(1, 4, Timing, (_, _) => TimeSpan.Zero, sighting).IsGone(Owner, At(101.5), At(101.5)));
        var formerLife = sighting with { Record = Owner with { OwnerGeneration = 3 } };
        Assert.False(new OwnerWatch(1, 4, Timing, (_, _) => TimeSpan.Zero, formerLife).IsGone(Owner, At(101.5), At(101.5)));
        Assert.True(new OwnerWatch(1, 4, Timing, (_, _) => TimeSpan.Zero, formerLife).IsGone(formerLife.Record, At(91.1), At(91.2)));
    }

    [Fact]
    public void The_largest_timeouts_count_and_an_unknown_watchdog_is_a_minute()
    {
        var slow = Owner with { IoTimeoutField = 10 };
        var watch = new OwnerWatch(1, 4, Timing, (_, _) => null, null);
        Assert.False(watch.IsGone(slow, At(100), At(100)));
        Assert.False(watch.IsGone(slow, At(240), At(240)));
        Assert.True(watch.IsGone(slow, At(240.2), At(240.2)));
    }

    private static OwnerWatch Watch() => new(1, 4, Timing, (_, _) => TimeSpan.Zero, null);

    private static TimeSpan At(double seconds) => TimeSpan.FromSeconds(seconds);
}
