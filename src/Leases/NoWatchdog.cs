namespace OvirtSpm.Leases;

/// <summary>No watchdog: late writes are found and repaired, not prevented.</summary>
public sealed class NoWatchdog : IWatchdog
{
    public bool IsUnsafe => true;

    public string Name => "none (unsafe)";

    public bool IsArmed => false;

    public void Feed(TimeSpan expiresAt)
    {
    }

    public void Disarm()
    {
    }
}
