namespace OvirtSpm.Node.Bench;

/// <param name="Renewals">Averaged over this many of ours.</param>
/// <param name="RenewalMilliseconds">Ours, mean: from the start of the read to the end of the write.</param>
/// <param name="Sanlock">Null when it was not measured; <paramref name="SanlockCounted"/> then says why.</param>
/// <param name="SanlockCounted">How its requests were counted.</param>
/// <param name="NotMoreIosThanSanlock">Requests per renewal, per acquire and per release, each; null without sanlock.</param>
public sealed record LeaseBenchResult(
    int Renewals,
    LeaseCost Ours,
    double RenewalMilliseconds,
    double AcquireMilliseconds,
    double ReleaseMilliseconds,
    LeaseCost? Sanlock,
    string SanlockCounted,
    bool? NotMoreIosThanSanlock);
