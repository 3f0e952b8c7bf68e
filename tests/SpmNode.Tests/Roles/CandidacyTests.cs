using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Roles;

namespace OvirtSpm.Node.Tests.Roles;

/// <summary>Who tries for a lease that could be taken, and when; and why an SPM steps down by itself.</summary>
public sealed class CandidacyTests
{
    static readonly HostWishes none = new(0, false);
    static readonly TimeSpan deference = TimeSpan.FromSeconds(0.4);
    static readonly HandOverNotice toTwo = new(HandOverStage.Prepare, From: 1, Epoch: 7, Successor: 2);

    [Fact]
    public void The_named_successor_tries_at_once_and_everybody_else_leaves_it_a_head_start()
    {
        Assert.Equal(TimeSpan.Zero, Candidacy.Wait(2, 7, toTwo, none, deference, highestPreference: 9, sick: true));
        Assert.Equal(Candidacy.HeadStart, Candidacy.Wait(3, 7, toTwo, none, deference, 0, sick: false));
        Assert.Equal(Candidacy.HeadStart, Candidacy.Wait(1, 7, toTwo, none, deference, 0, sick: false));
        // A notice of another epoch, or of a hand-over that is done, says nothing of this lease.
        Assert.Equal(TimeSpan.Zero, Candidacy.Wait(3, 8, toTwo, none, deference, 0, sick: false));
        Assert.Equal(TimeSpan.Zero, Candidacy.Wait(3, 7, toTwo with { Stage = HandOverStage.Taken }, none, deference, 0, sick: false));
    }

    [Fact]
    public void Less_preferred_and_sick_hosts_wait_and_never_for_ever_only_maintenance_does_not_try()
    {
        Assert.Equal(deference, Candidacy.Wait(3, 7, null, new HostWishes(5, false), deference, highestPreference: 6, sick: false));
        Assert.Equal(TimeSpan.Zero, Candidacy.Wait(3, 7, null, new HostWishes(6, false), deference, highestPreference: 6, sick: false));
        Assert.Equal(Candidacy.SickWait, Candidacy.Wait(3, 7, null, new HostWishes(9, false), deference, 0, sick: true));
        Assert.Null(Candidacy.Wait(2, 7, toTwo, new HostWishes(100, Maintenance: true), deference, 0, sick: false));
    }

    /// A host that looks more often than anything can change is load on the storage; one that looks too seldom leaves the role to nobody.
    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(255)]
    public void A_host_looks_as_often_as_its_timeout_asks_for(int ioTimeoutSeconds)
    {
        var t = TimeSpan.FromSeconds(ioTimeoutSeconds);
        var pace = new RolePace(t);
        Assert.InRange(pace.Look, TimeSpan.FromSeconds(0.2), TimeSpan.FromSeconds(2));
        Assert.True(pace.Look <= t / 5, "a released lease is taken much sooner than a dead host's");
        Assert.True(pace.Records <= 2 * t, "a host that joined is known by its record when its first renewal shows it");
        Assert.Equal(2 * pace.Look, pace.Deference);
    }

    [Fact]
    public void A_host_is_sick_after_four_more_bad_events_than_good_ones_and_well_when_all_are_made_up_for()
    {
        var strain = new Strain();
        for (var i = 0; i < 100; i++)
        {
            strain = strain.After(i % 2 == 0);
            Assert.False(strain.IsSick);
        }
        strain = Events("bbb");
        Assert.False(strain.IsSick);
        Assert.True(strain.After(true).IsSick);
        Assert.True(Events("bbbbbbbbggg").IsSick);
        Assert.False(Events("bbbbbbbbgggg").IsSick);
        Assert.True(Events("bbbbgbgbg").IsSick);

        static Strain Events(string events) => events.Aggregate(new Strain(), (now, one) => now.After(one == 'b'));
    }

    [Fact]
    public void An_SPM_steps_down_for_a_request_record_maintenance_and_illness_and_tries_again_only_after_a_while()
    {
        var reasons = new StepDownReasons(TimeSpan.Zero, new RolePace(TimeSpan.FromSeconds(1)).Requests);
        LeaderView View(ulong wanted, uint mode) => new(RecordError.None, null, 1, 1, 7, false, new RequestRecord(RequestRecord.CurrentVersion, wanted, mode));
        Assert.Null(reasons.Next(Seconds(1), View(7, 2), 7, none, null)); // asks for what we have: an old request
        Assert.Null(reasons.Next(Seconds(1), View(8, 0), 7, none, null)); // withdrawn
        Assert.Contains("request record", reasons.Next(Seconds(1), View(8, 2), 7, none, null)!.Why, StringComparison.Ordinal);
        Assert.Null(reasons.Next(Seconds(2), null, 7, new HostWishes(0, true), null));
        Assert.Contains("maintenance", reasons.Next(Seconds(12), null, 7, new HostWishes(0, true), null)!.Why, StringComparison.Ordinal);
        Assert.Equal("slow", reasons.Next(Seconds(23), null, 7, none, "slow")!.Why);
        Assert.Null(reasons.Next(Seconds(50), null, 7, none, null));

        static TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);
    }
}
