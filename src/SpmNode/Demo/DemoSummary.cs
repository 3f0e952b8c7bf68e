using System.Text.Json.Serialization;

namespace OvirtSpm.Node.Demo;

/// <summary>What a run of the demo showed; the last line of <c>spm demo --json</c>. Times as the names say.</summary>
/// <param name="Extends">Extends driven by the thresholds of the guests' QEMUs, all of them.</param>
/// <param name="ExtendsDuringFailover">Those that began before the new SPM's first durable commit and ended after the old SPM was killed.</param>
/// <param name="LatencyP50Milliseconds">Threshold event → usable by the guest, without the extends that overlap the failover.</param>
/// <param name="SlowestWriteMilliseconds">Of a guest, the failover included.</param>
/// <param name="FailoverSeconds">SIGKILL → first durable commit of the new SPM.</param>
/// <param name="Verified">One entry for each thing an independent tool confirmed or did not.</param>
/// <param name="Skipped">What this user or machine cannot check at all, and why; absent when nothing was skipped.</param>
public sealed record DemoSummary(
    int Hosts,
    int Extends,
    int ExtendsDuringFailover,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] double? LatencyP50Milliseconds,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] double? LatencyMaxMilliseconds,
    long GuestWriteErrors,
    double SlowestWriteMilliseconds,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] double? FailoverSeconds,
    double FailoverBoundSeconds,
    long Commits,
    double RequestsPerCommit,
    IReadOnlyList<VerifiedFact> Verified,
    IReadOnlyList<VerifiedFact>? Skipped = null)
{
    /// <summary>Everything the demo promises held.</summary>
    [JsonIgnore]
    public bool Held =>
        Verified.Count > 0 && Verified.All(fact => fact.Ok) && GuestWriteErrors == 0 && Extends > 0
        && FailoverSeconds is { } seconds && seconds <= FailoverBoundSeconds;
}

/// <param name="Tool">The program that looked, as it is called on a command line.</param>
/// <param name="What">What it looked at and, unless <paramref name="Ok"/>, what was wrong.</param>
public sealed record VerifiedFact(string Tool, string What, bool Ok);
