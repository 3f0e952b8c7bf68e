using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.Leases.Tests;

/// <summary>T = 1, W = 3: an owner is dead 11 s (and one part in a thousand) after its last seen change.</summary>
public class OwnerWatchTests
{
    private static readonly LeaseTiming Timing = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3));
    private static readonly LeaderRecord Leader = new() { Kind = LeaderKind.Resource, Version = 0x60004, OwnerId = 1, OwnerGeneration = 4, LeaseVersion = 9, Timestamp = 50 };
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

    [Fact]
    public void What_the_host_table_saw_counts_and_another_life_in_it_does_not()
    {
        var sighting = new HostSighting(Owner, RecordError.None, At(80), At(110), At(90));
        Assert.True(new OwnerWatch(Leader, Timing, (_, _) => TimeSpan.Zero, sighting).IsGone(Owner, At(101.5), At(101.5)));
        var formerLife = sighting with { Record = Owner with { OwnerGeneration = 3 } };
        Assert.False(new OwnerWatch(Leader, Timing, (_, _) => TimeSpan.Zero, formerLife).IsGone(Owner, At(101.5), At(101.5)));
    }

    [Fact]
    public void The_largest_timeouts_count_and_an_unknown_watchdog_is_a_minute()
    {
        var slow = Owner with { IoTimeoutField = 10 };
        var watch = new OwnerWatch(Leader, Timing, (_, _) => null, null);
        Assert.False(watch.IsGone(slow, At(100), At(100)));
        Assert.False(watch.IsGone(slow, At(240), At(240)));
        Assert.True(watch.IsGone(slow, At(240.2), At(240.2)));
    }

    private static OwnerWatch Watch() => new(Leader, Timing, (_, _) => TimeSpan.Zero, null);

    private static TimeSpan At(double seconds) => TimeSpan.FromSeconds(seconds);
}
