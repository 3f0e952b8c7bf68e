namespace OvirtSpm.Node.Bench;

/// <summary>One process renewing many host ids of one lockspace: what it costs the processor.</summary>
/// <param name="Lost">Host ids that were lost while measuring; anything but 0 spoils the figure.</param>
public sealed record LeaseScalePoint(
    int Leases, int Renewals, int Lost, double Seconds, double CpuSeconds, double CpuSecondsPerLeaseMinute, double SlowestRenewalMilliseconds);
