using OvirtSpm.Leases;

namespace OvirtSpm.Simulation.Pool;

/// <summary>A machine's watchdog: it counts while the program is stopped or dead, and waits as long as it is allowed to.</summary>
internal sealed class SimWatchdog(PoolHost host, SimScheduler scheduler)
{
    private int fed;

    public bool IsArmed { get; private set; }

    /// <summary>What one life of the program has in its hands.</summary>
    public IWatchdog For(TimeProvider clock) => new Client(this, clock);

    public void Stop() => (IsArmed, fed) = (false, fed + 1);

    private sealed class Client(SimWatchdog machine, TimeProvider clock) : IWatchdog
    {
        private TimeSpan timeout;

        public bool IsUnsafe => false;

        public string Name => "simulated";

        public bool IsArmed => machine.IsArmed;

        public string? Prepare(LeaseTiming timing)
        {
            timeout = timing.WatchdogTimeout;
            machine.Stop();
            return null;
        }

        public string? Feed(TimeSpan expiresAt)
        {
            machine.IsArmed = true;
            var turn = ++machine.fed;
            machine.Scheduler.After(expiresAt - clock.GetElapsedTime(0) + timeout, () => machine.Fire(turn));
            return null;
        }

        public void Disarm() => machine.Stop();
    }

    private SimScheduler Scheduler => scheduler;

    private void Fire(int turn)
    {
        if (IsArmed && turn == fed)
        {
            Stop();
            host.Reset();
        }
    }
}
