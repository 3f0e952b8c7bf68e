namespace OvirtSpm.Node.Bench;

/// <summary>What <c>spm bench extend --json</c> prints.</summary>
sealed record ExtendBenchResult(
    int Lvs, int Requests, double ExtendsPerSecond, double SingleP50Milliseconds, double SingleP99Milliseconds, int Commits, long ResidentMebibytes, string Peer, double PeerPerSecond, double Ratio);
