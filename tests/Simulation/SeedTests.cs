namespace OvirtSpm.Simulation;

/// <summary>Fresh seeds find new faults; a seed that found one moves here with a sentence saying what it shows.</summary>
public class SeedTests(ITestOutputHelper output)
{
    [Fact]
    public void Three_hosts_under_random_faults_never_lead_at_once()
    {
        var (first, count) = Seeds();
        var grants = 0;
        for (var seed = first; seed < first + count; seed++)
        {
            var world = new World(3, seed, releaseOneIn: seed % 3 == 0 ? 20 : int.MaxValue);
            FaultPlan.Of(world).Run(TimeSpan.FromSeconds(100));
            grants += world.Grants;
        }

        output.WriteLine($"{count} seeds from {first}: {grants} epochs written");
        Assert.True(grants > (int)count);
    }

    /// Without a watchdog a write that hangs in the kernel may land late; that only one host acknowledges must hold all the same.
    [Fact]
    public void Without_a_watchdog_still_only_one_host_may_write_at_any_moment()
    {
        var (first, count) = Seeds();
        var late = 0;
        for (var seed = first; seed < first + (count / 2); seed++)
        {
            var world = new World(2, seed, new(TimeSpan.FromSeconds(1), TimeSpan.Zero), releaseOneIn: 40);
            FaultPlan.Of(world).Run(TimeSpan.FromSeconds(100));
            late += world.LateWrites;
        }

        output.WriteLine($"{late} late writes in {count / 2} seeds");
    }

    /// <summary>SPM_SEED and SPM_SEEDS choose other seeds and more of them; the usual build runs the same ones every time.</summary>
    private static (ulong First, ulong Count) Seeds() =>
        (ulong.TryParse(Environment.GetEnvironmentVariable("SPM_SEED"), out var first) ? first : 1000,
            ulong.TryParse(Environment.GetEnvironmentVariable("SPM_SEEDS"), out var count) ? count : 200);
}
