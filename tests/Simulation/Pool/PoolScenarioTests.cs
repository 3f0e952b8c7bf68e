using OvirtSpm.Node;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Simulation.Pool;

/// <summary>The product's own nodes, whole: election, takeover, commits and clients on one simulated LUN.</summary>
public class PoolScenarioTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void When_the_SPM_is_killed_another_serves_within_the_bound_and_nothing_acknowledged_is_lost(ulong seed)
    {
        var world = new PoolWorld(3, seed);
        var client = new PoolClient(world, volumes: 4);
        client.Begin();
        world.RunUntil(w => w.Acknowledgements > 20, Minute, "the first extends");
        var old = world.Leader!;
        old.Kill();
        var killedAt = world.Scheduler.Now;
        world.RunUntil(w => w.Leader is { } now && now != old, world.Domain.Timing.FailoverBound, "a new SPM");
        output.WriteLine(FormattableString.Invariant(
            $"failover {(world.Scheduler.Now - killedAt).TotalSeconds:0.00} s, bound {world.Domain.Timing.FailoverBound.TotalSeconds} s"));
        var before = world.Acknowledgements;
        world.RunUntil(w => w.Acknowledgements > before + 20, Minute, "extends by the new SPM");
        old.RestartAfter(TimeSpan.Zero);
        world.RunFor(TimeSpan.FromSeconds(20));
        Assert.NotNull(world.Leader);
    }

    /// A silence was noticed only at the follower's own next renewal, 2 T + 0.5 s late: over the bound for one crash in a hundred.
    [Fact]
    public void However_a_crash_falls_between_two_renewals_the_failover_stays_a_second_below_the_bound()
    {
        List<TimeSpan> took = [];
        for (var seed = 200ul; seed < 240; seed++)
        {
            var world = new PoolWorld(3, seed);
            new PoolClient(world, volumes: 1).Begin();
            world.RunUntil(w => w.Leader is not null, Minute, "an SPM");
            world.RunFor(TimeSpan.FromSeconds(5) + TimeSpan.FromMilliseconds(world.Choice.Pick(2500, "into the renewal interval")));
            var old = world.Leader!;
            old.Kill();
            var killedAt = world.Scheduler.Now;
            world.RunUntil(w => w.Leader is { } now && now != old, Minute, "a new SPM");
            took.Add(world.Scheduler.Now - killedAt);
        }

        var timing = new PoolWorld(1, 1).Domain.Timing;
        output.WriteLine(FormattableString.Invariant(
            $"failover {took.Min().TotalSeconds:0.00} to {took.Max().TotalSeconds:0.00} s, bound {timing.FailoverBound.TotalSeconds} s"));
        Assert.InRange(took.Max(), timing.FailoverAtBest, timing.FailoverBound - TimeSpan.FromSeconds(1));
    }

    [Theory]
    [InlineData(11)]
    [InlineData(15)]
    public void An_SPM_that_sleeps_past_its_deadline_acknowledges_nothing_and_follows(ulong seed)
    {
        var world = new PoolWorld(3, seed);
        new PoolClient(world, volumes: 4).Begin();
        world.RunUntil(w => w.Acknowledgements > 20, Minute, "the first extends");
        var sleeper = world.Leader!;
        sleeper.Freeze();
        world.RunUntil(w => w.Leader is { } now && now != sleeper, world.Domain.Timing.FailoverBound, "a new SPM");
        world.RunFor(TimeSpan.FromSeconds(5));
        sleeper.Thaw();
        world.RunFor(TimeSpan.FromSeconds(20));
        Assert.Single(world.Hosts, host => host.Verbs is not null);
    }

    /// The worst moment: its text is written and its last look at the headers is answered when it wakes; only the deadline is left.
    [Theory]
    [InlineData(21)]
    [InlineData(22)]
    [InlineData(23)]
    public void An_SPM_that_falls_asleep_between_its_last_look_and_its_header_writes_none(ulong seed)
    {
        var world = new PoolWorld(3, seed);
        new PoolClient(world, volumes: 30).Begin();
        world.RunUntil(w => w.Acknowledgements > 20, Minute, "the first extends");
        PoolHost? sleeper = null;
        world.BeforeHeaders = host => (sleeper = host).Freeze();
        world.RunUntil(_ => sleeper is not null, Minute, "a commit");
        world.RunUntil(w => w.Leader is { } now && now != sleeper, world.Domain.Timing.FailoverBound, "a new SPM");
        var before = world.Acknowledgements;
        world.RunUntil(w => w.Acknowledgements > before + 5, Minute, "extends by the new SPM");
        sleeper!.Thaw();
        world.RunFor(TimeSpan.FromSeconds(20));
    }

    /// A hypervisor paused its machine between two commits. By its own clock it is SPM still, and no timer of it can know better: R25's look at the disk can.
    [Fact]
    public void An_SPM_whose_clocks_all_stood_still_commits_nothing_after_another_took_its_place()
    {
        for (var seed = 30ul; seed < 50; seed++)
        {
            var world = new PoolWorld(3, seed);
            new PoolClient(world, volumes: 4).Begin();
            world.RunUntil(w => w.Acknowledgements > 20, Minute, "the first extends");
            world.RunUntil(w => w.Leader is { LeadingTerm.Fence.InsideFor.Ticks: 0 } idle && !idle.Path.WritesOut.Any(), Minute, "a moment between two commits");
            var paused = world.Leader!;
            paused.Pause();
            world.RunUntil(w => w.Leader is { } now && now != paused, world.Domain.Timing.FailoverBound, "a new SPM");
            var before = world.Acknowledgements;
            world.RunUntil(w => w.Acknowledgements > before + 5, Minute, "extends by the new SPM");
            world.Unaware = paused;
            paused.Thaw();
            Assert.NotNull(paused.Verbs);
            var volume = MetadataCheck.VolumesOf(world.Group).First();
            Task<ExtendVolumeReply>? late = null;
            paused.Post(() => late = paused.Verbs!.ExtendVolumeAsync(volume.Name, new ExtendVolumeRequest(volume.SizeBytes + 1, null, null, null)));
            world.RunUntil(_ => late?.IsCompleted == true, Minute, "its answer");
            Assert.IsType<Refusal>(late!.Exception?.InnerException);
            Assert.Null(paused.Verbs);
            world.RunFor(TimeSpan.FromSeconds(20));
            Assert.Equal(0, world.LateWrites);
        }
    }

    /// Kills and sleeps of whoever leads, one after another, while a client keeps asking.
    [Fact]
    public void Through_random_deaths_and_sleeps_what_was_acknowledged_stays()
    {
        var acknowledged = 0;
        for (var seed = 100ul; seed < 112; seed++)
        {
            var world = new PoolWorld(3, seed);
            new PoolClient(world, volumes: 4).Begin();
            for (var round = 0; round < 4; round++)
            {
                world.RunUntil(w => w.Leader is not null, Minute, "an SPM");
                world.RunFor(TimeSpan.FromMilliseconds(world.Choice.Pick(4000, "calm")));
                Disturb(world);
            }

            world.RunUntil(w => w.Leader is not null, Minute, "an SPM at the end");
            acknowledged += world.Acknowledgements;
        }

        output.WriteLine($"{acknowledged} acknowledgements kept");
        Assert.True(acknowledged > 1000);
    }

    [Fact]
    public void The_same_seed_gives_the_same_trace_twice()
    {
        Assert.Equal(Run(77), Run(77));
        Assert.NotEqual(Run(77), Run(78));

        static string Run(ulong seed)
        {
            var world = new PoolWorld(3, seed);
            new PoolClient(world, volumes: 4).Begin();
            world.RunUntil(w => w.Acknowledgements > 30, Minute, "extends");
            world.Leader!.Kill();
            world.RunFor(TimeSpan.FromSeconds(20));
            return world.TraceHash;
        }
    }

    private static void Disturb(PoolWorld world)
    {
        if (world.Leader is not { } leader)
        {
            return;
        }

        if (world.Choice.Pick(2, "kill or freeze") == 0)
        {
            leader.Kill();
            leader.RestartAfter(TimeSpan.FromMilliseconds(world.Choice.Pick(15_000, "down")));
            return;
        }

        leader.Freeze();
        world.Scheduler.After(TimeSpan.FromMilliseconds(world.Choice.Pick(25_000, "asleep")), leader.Thaw);
    }
}
