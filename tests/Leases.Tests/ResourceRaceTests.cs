using OvirtSpm.Leases.Resource;

namespace OvirtSpm.Leases.Tests;

/// <summary>Three hosts take a resource, skip versions, give it back, half-way at times, and take it again, through failing I/O.</summary>
public class ResourceRaceTests(ITestOutputHelper output)
{
    private const int Hosts = 3;
    private const int Rounds = 6;

    [Fact]
    public void It_has_one_owner_at_a_time_in_versions_that_only_grow_and_in_the_end_everybody_gets_it()
    {
        var (grants, halves, restored) = (0, 0, 0);
        for (var seed = 1; seed <= Seeds; seed++)
        {
            var race = new Race(seed);
            try
            {
                race.Run();
            }
            catch (Exception failure)
            {
                throw new InvalidOperationException($"seed {seed}: {failure.Message}\n{race.Trace}", failure);
            }

            (grants, halves, restored) = (grants + race.Grants, halves + race.HalfReleases, restored + race.Restored);
        }

        output.WriteLine($"{Seeds} seeds: {grants} grants, {halves} releases left half-way, {restored} leaders put right");
        Assert.True(grants > Seeds * Hosts && halves > Seeds / 10);
    }

    private static int Seeds => int.TryParse(Environment.GetEnvironmentVariable("SPM_SEEDS"), out var seeds) ? seeds : 800;

    private sealed class Race(int seed)
    {
        private readonly TurnWorld world = new(seed);
        private readonly List<string> trace = [];
        private int? owner;
        private ulong highest;

        public int Grants { get; private set; }

        public int HalfReleases { get; private set; }

        public int Restored { get; private set; }

        public string Trace => string.Join('\n', trace.TakeLast(40));

        public void Run()
        {
            var leases = world.Join(Hosts);
            world.FaultOneIn = seed % 4 == 0 ? 0 : 4 << world.Pick(6);
            world.Run(400_000, leases.Select((lease, host) => (Func<Task>)(() => CompeteAsync(lease, host))));

            // Everything healed: whoever left it half given back gives it back, and no one waits for a ghost.
            world.FaultOneIn = 0;
            world.Run(400_000, leases.Select((lease, host) => (Func<Task>)(() => TakeOnceAsync(lease, host))));
        }

        private async Task CompeteAsync(ResourceLease lease, int host)
        {
            for (var round = 0; round < Rounds; round++)
            {
                await TryAsync(lease, host);
                while (world.Pick(3) > 0)
                {
                    await Task.Yield();
                }
            }
        }

        private async Task TakeOnceAsync(ResourceLease lease, int host)
        {
            while (!await TryAsync(lease, host))
            {
                await Task.Yield();
            }

            while (await lease.ReleaseAsync() is not (ReleaseOutcome.NotHeld or ReleaseOutcome.Released))
            {
                await Task.Yield();
            }
        }

        private async Task<bool> TryAsync(ResourceLease lease, int host)
        {
            var minimum = world.Pick(3) == 0 ? highest + (ulong)world.Pick(5) : 0;
            var outcome = await lease.AcquireAsync(new AcquireOptions(MinimumVersion: minimum, MaxBallots: 1 + world.Pick(4)), CancellationToken.None);
            trace.Add($"host {host + 1} above {minimum}: {outcome}");
            if (outcome is not AcquireOutcome.Acquired { LeaseVersion: var version })
            {
                Assert.False(outcome is AcquireOutcome.Refused or AcquireOutcome.LostHostId or AcquireOutcome.SharedByLiveHosts, $"{outcome}");
                Assert.Equal(0ul, lease.HeldVersion);
                return false;
            }

            Assert.True(owner is null, $"host {host + 1} owns it in version {version}, and so does host {owner + 1} in {highest}");
            Assert.True(version > highest && version > minimum, $"version {version} after {highest}");
            (owner, highest) = (host, version);
            Grants++;
            while (world.Pick(4) > 0)
            {
                // Whatever stalled rivals write over it, the owner knows that it is one.
                var confirmed = await lease.ConfirmAsync();
                Restored += confirmed == ConfirmOutcome.Restored ? 1 : 0;
                Assert.NotEqual(ConfirmOutcome.NotOurs, confirmed);
                Assert.Equal(version, lease.HeldVersion);
            }

            owner = null;
            ReleaseOutcome released;
            while ((released = await lease.ReleaseAsync()) is ReleaseOutcome.IoFailed or ReleaseOutcome.WriteOutstanding)
            {
                trace.Add($"host {host + 1}: {released}");
                if (world.FaultOneIn > 0 && world.Pick(2) == 0)
                {
                    HalfReleases++;
                    return true;
                }
            }

            trace.Add($"host {host + 1}: {released}");
            Assert.IsType<ReleaseOutcome.Released>(released);
            return true;
        }
    }
}
