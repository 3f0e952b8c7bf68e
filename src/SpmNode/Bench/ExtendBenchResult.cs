namespace OvirtSpm.Node.Bench;

/// <summary>What <c>spm bench extend --json</c> prints.</summary>
sealed record ExtendBenchResult(
    int Lvs, int Requests, double ExtendsPerSecond, double SingleP50Milliseconds, double SingleP99Milliseconds, string Peer, double PeerPerSecond, double Ratio);
