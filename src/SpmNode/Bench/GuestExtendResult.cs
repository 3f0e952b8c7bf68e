namespace OvirtSpm.Node.Bench;

/// <summary>Latencies from the arrival of QEMU's threshold event to the larger volume being usable by the guest.</summary>
public sealed record GuestExtendResult(
    int Extends,
    double LatencyP50Milliseconds,
    double LatencyP99Milliseconds,
    double LatencyMaxMilliseconds,
    long GuestWriteErrors);
