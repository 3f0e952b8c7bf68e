namespace OvirtSpm.Simulation;

/// <summary>One story each, without faults by chance.</summary>
public class ScenarioTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void When_the_leader_is_killed_another_leads_within_the_bound(ulong seed)
    {
        var world = new World(3, seed);
        world.RunUntil(w => w.Leader is not null, Minute, "the first election");
        world.RunFor(TimeSpan.FromSeconds(20 + (2.5 * seed / 5)));
        var old = world.Leader!;
        old.Kill();
        var killedAt = world.Scheduler.Now;
        world.RunUntil(w => w.Leader is { } now && now != old, world.Timing.FailoverBound, "a new leader");
        output.WriteLine(FormattableString.Invariant($"failover {(world.Scheduler.Now - killedAt).TotalSeconds:0.00} s, bound {world.Timing.FailoverBound.TotalSeconds} s"));
    }

    /// Its expiry timer and its next write become due together when it thaws, and either may run first; so may its renewal.
    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(63)]
    public void A_host_that_wakes_after_its_deadline_issues_no_write(ulong seed)
    {
        // No watchdog here: it is the host's own look at the clock that must hold.
        var world = new World(2, seed, new(TimeSpan.FromSeconds(1), TimeSpan.Zero));
        world.RunUntil(w => w.Leader is not null, Minute, "the first election");
        world.RunFor(TimeSpan.FromSeconds(10));
        var sleeper = world.Leader!;
        sleeper.Freeze();
        world.RunUntil(w => w.Leader is { } now && now != sleeper, Minute, "a new leader");
        world.RunFor(TimeSpan.FromSeconds(3));
        var wokeAt = world.Scheduler.Now;
        sleeper.Thaw();
        world.RunFor(TimeSpan.FromMilliseconds(1));
        Assert.False(sleeper.IsLeading);
        world.RunFor(TimeSpan.FromSeconds(5));

        // It may join again under its own name, but writes neither as leader nor into the resource.
        Assert.DoesNotContain(sleeper.Path.WritesIssued, w => w.At >= wokeAt && w.Offset >= World.ResourceOffset);
        Assert.Equal(0, world.LateWrites);
    }

    [Fact]
    public void A_leader_that_gives_the_lease_back_is_followed_without_waiting_for_its_death()
    {
        var world = new World(2, seed: 21);
        world.RunUntil(w => w.Leader is not null, Minute, "the first election");
        world.RunFor(TimeSpan.FromSeconds(10));
        world.Leader!.ShouldRelease = true;
        var epoch = world.Leader.LeadingEpoch;
        world.RunUntil(w => w.Leader is { } now && now.LeadingEpoch > epoch, TimeSpan.FromSeconds(4), "a grant after the release");
    }

    [Fact]
    public void A_host_without_paths_stops_before_another_leads_and_its_queued_writes_die_with_it()
    {
        var world = new World(2, seed: 31);
        world.RunUntil(w => w.Leader is not null, Minute, "the first election");
        world.RunFor(TimeSpan.FromSeconds(10));
        var cut = world.Leader!;
        cut.Path.Cut();
        world.RunUntil(w => w.Leader is { } now && now != cut, world.Timing.FailoverBound, "a new leader");
        world.RunFor(TimeSpan.FromSeconds(30));
        Assert.Equal(0, world.LateWrites);
    }

    [Fact]
    public void The_same_seed_gives_the_same_trace_twice()
    {
        Assert.Equal(Run(77), Run(77));
        Assert.NotEqual(Run(77), Run(78));

        static string Run(ulong seed)
        {
            var world = new World(3, seed, releaseOneIn: 5);
            FaultPlan.Of(world).Run(TimeSpan.FromSeconds(120));
            return world.TraceHash;
        }
    }
}
