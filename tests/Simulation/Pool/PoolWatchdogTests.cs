namespace OvirtSpm.Simulation.Pool;

/// <summary>R21: a machine that hangs with a write on its way is reset before anybody else leads; one that has nothing on its way lives.</summary>
public class PoolWatchdogTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    /// The header comes out of the dead path long after the takeover unless the reset has ended it: the world checks every header that lands.
    [Theory]
    [InlineData(51)]
    [InlineData(52)]
    public void A_machine_whose_commit_hangs_is_reset_before_another_SPM_begins(ulong seed)
    {
        var world = World(seed);
        var old = HangWithAHeaderOut(world);
        var reset = Assert.Single(old.Resets);
        output.WriteLine(FormattableString.Invariant($"reset {(world.Scheduler.Now - reset).TotalSeconds:0.00} s before another served"));
        Assert.Equal(0, world.LateWrites);
        world.RunFor(TimeSpan.FromSeconds(20));
        Assert.All(world.Hosts, host => Assert.Equal(host == old ? 1 : 0, host.Resets.Count));
    }

    /// What is promised without a watchdog: one copy is harmed, our reader never believes it, and the scrub of the SPM of now repairs it.
    [Theory]
    [InlineData(51)]
    [InlineData(52)]
    public void Without_a_watchdog_the_late_header_harms_one_copy_and_is_repaired_by_the_next_scrub(ulong seed)
    {
        var world = World(seed, watchdogs: false);
        world.LateWritesMayLand = true;
        var old = HangWithAHeaderOut(world);
        Assert.Equal(1, world.LateWrites);
        Assert.Equal(1, world.Leader!.Node!.Counters.StaleWrites);
        world.RunFor(TimeSpan.FromSeconds(20));
        Assert.Null(old.Verbs);
    }

    /// C10: its guests would die for nothing.
    [Theory]
    [InlineData(61)]
    [InlineData(62)]
    public void A_machine_whose_storage_is_gone_with_nothing_on_its_way_is_not_reset(ulong seed)
    {
        var world = World(seed);
        var old = world.Leader!;
        // Reads hang, and with them the scrub, the renewals and every commit before its first write.
        old.Path.NeverReturns = io => !io.IsWrite;
        world.RunFor(TimeSpan.FromSeconds(1));
        Assert.True(old.Watchdog.IsArmed);
        world.RunUntil(w => w.Leader is { } now && now != old, world.Domain.Timing.FailoverBound, "another SPM");
        world.RunFor(TimeSpan.FromSeconds(20));
        Assert.False(old.Watchdog.IsArmed);
        Assert.All(world.Hosts, host => Assert.Empty(host.Resets));
    }

    [Theory]
    [InlineData(71)]
    [InlineData(72)]
    public void A_program_that_is_killed_and_started_again_in_time_disarms_what_it_left_armed(ulong seed)
    {
        var world = World(seed);
        var old = world.Leader!;
        old.Kill();
        Assert.True(old.Watchdog.IsArmed);
        old.RestartAfter(TimeSpan.FromSeconds(1));
        world.RunUntil(w => w.Leader is not null, Minute, "an SPM");
        world.RunFor(TimeSpan.FromSeconds(20));
        Assert.All(world.Hosts, host => Assert.Empty(host.Resets));
        Assert.Single(world.Hosts, host => host.Watchdog.IsArmed);
    }

    [Fact]
    public void A_program_that_stands_still_has_its_machine_reset_before_another_SPM_begins()
    {
        var world = World(81);
        var old = world.Leader!;
        old.Freeze();
        world.RunUntil(w => w.Leader is { } now && now != old, world.Domain.Timing.FailoverBound, "another SPM");
        Assert.Single(old.Resets);
    }

    /// <summary>The path of an SPM dies with a header under way; it comes back when another one has served for a while.</summary>
    private static PoolHost HangWithAHeaderOut(PoolWorld world)
    {
        PoolHost? old = null;
        var leader = world.Leader!;
        leader.Path.NeverReturns = io =>
        {
            if (old is null && io.IsWrite && world.Metadata.IsHeader(io.Offset))
            {
                (old = leader).Path.Cut();
            }

            return false;
        };
        world.RunUntil(_ => old is not null, Minute, "a commit");
        world.RunUntil(w => w.Leader is { } now && now != old, world.Domain.Timing.FailoverBound, "another SPM");
        var before = world.Acknowledgements;
        world.RunUntil(w => w.Acknowledgements > before + 20, Minute, "extends by the new SPM");
        old!.Path.Heal();
        world.RunFor(TimeSpan.FromSeconds(5));
        return old;
    }

    private static PoolWorld World(ulong seed, bool watchdogs = true)
    {
        var world = new PoolWorld(3, seed, watchdogs: watchdogs);
        new PoolClient(world, volumes: 30).Begin();
        world.RunUntil(w => w.Acknowledgements > 20, Minute, "the first extends");
        return world;
    }
}
