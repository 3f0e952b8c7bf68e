using OvirtSpm.Leases;

namespace OvirtSpm.Simulation.Pool;

/// <summary>The kernel's timer of one life: kills it at its deadline, also when it is stopped; its supervisor starts it again.</summary>
internal sealed class SimKillTimer(PoolWorld world, PoolHost host, SimProcess life, SimClock clock) : IKillTimer
{
    private long armed;

    public void Arm(TimeSpan at)
    {
        var mine = ++armed;
        clock.At(at + TimeSpan.FromTicks(1), () =>
        {
            if (mine == armed && !life.IsDead)
            {
                world.Trace(host.Id, "killed at its deadline");
                host.Kill();
                host.RestartAfter(TimeSpan.FromSeconds(1 + world.Choice.Pick(5, "restarted by its supervisor")));
            }
        });
    }

    public void Disarm() => armed++;
}
