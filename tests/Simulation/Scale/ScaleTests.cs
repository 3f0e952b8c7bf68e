using OvirtSpm.Leases;

namespace OvirtSpm.Simulation.Scale;

/// <summary>What a lockspace full of hosts costs the storage.</summary>
public class ScaleTests(ITestOutputHelper output)
{
    /// <summary>sanlock reads the whole lockspace (1 MiB) and writes one sector every 2 T.</summary>
    private static readonly double SanlockBytesPerSecond = (ScaleWorld.Area + 512) / 20.0;

    [Fact]
    public void A_lockspace_of_250_hosts_is_renewed_with_a_third_of_what_sanlock_reads() => Measure(250, 0.33);

    /// Every sector is in use, so every host has to read them all; nearly 2 GiB of buffers in this one process.
    [Fact(Explicit = true)]
    public void A_lockspace_of_2000_hosts_is_renewed_with_no_more_than_sanlock_reads() => Measure(2000, 1.0);

    private void Measure(int hosts, double mostOfSanlock)
    {
        var timing = new LeaseTiming(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(60));
        var world = new ScaleWorld(hosts, seed: 1, timing);
        world.RunUntil(w => w.Hosts.All(host => host.HasJoined) && w.Leader is not null, TimeSpan.FromMinutes(2), "everybody's join");
        var joined = world.Scheduler.Now;
        // The first renewal of each reads everything once.
        world.RunFor(timing.RenewalInterval + LeaseTiming.RenewalPause);
        var (before, begun) = (world.Traffic, world.Scheduler.Now);
        world.RunFor(8 * (timing.RenewalInterval + LeaseTiming.RenewalPause));
        var (after, seconds) = (world.Traffic, (world.Scheduler.Now - begun).TotalSeconds);
        Assert.All(world.Hosts, host => Assert.Equal(hosts, host.Sees));

        var old = world.Leader!;
        old.Kill();
        var killed = world.Scheduler.Now;
        world.RunUntil(w => w.Leader is { } now && now != old, timing.FailoverBound, "another owner");

        var ios = (after.Reads + after.Writes - before.Reads - before.Writes) / seconds / hosts;
        var bytes = (after.ReadBytes + after.WrittenBytes - before.ReadBytes - before.WrittenBytes) / seconds / hosts;
        output.WriteLine(FormattableString.Invariant(
            $"{hosts} hosts: joined after {joined.TotalSeconds:0.0} s; {ios:0.00} I/Os and {bytes / 1024:0.0} KiB a second and host, {bytes * hosts / (1 << 20):0.0} MiB/s for the storage (sanlock: {SanlockBytesPerSecond * hosts / (1 << 20):0.0}); failover {(world.Scheduler.Now - killed).TotalSeconds:0.0} s, bound {timing.FailoverBound.TotalSeconds} s"));
        Assert.InRange(bytes, 1, mostOfSanlock * SanlockBytesPerSecond);
    }
}
