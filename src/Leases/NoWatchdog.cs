namespace OvirtSpm.Leases;

/// <summary>No watchdog: late writes are found and repaired, not prevented.</summary>
public sealed class NoWatchdog : IWatchdog
{
    public bool IsUnsafe => true;

    public string Name => "none (unsafe)";

    public bool IsArmed => false;

    public string? Prepare(LeaseTiming timing) => null;

    public string? Feed(TimeSpan expiresAt) => null;

    public void Disarm()
    {
    }
}
