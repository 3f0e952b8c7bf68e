namespace OvirtSpm.Node.Bench;

/// <summary>What <c>spm bench extend --json</c> prints.</summary>
/// <param name="FloorP99Milliseconds">The same writes and flushes without us, on the same file in the same run: 99 of 100 took at most this.</param>
sealed record ExtendBenchResult(
    int Lvs, int Requests, double ExtendsPerSecond, double SingleP50Milliseconds, double SingleP99Milliseconds,
    double FloorP50Milliseconds, double FloorP99Milliseconds, int Commits, long ResidentMebibytes, string Peer, double PeerPerSecond, double Ratio);
