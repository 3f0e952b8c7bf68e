using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Node.Storage;

/// <summary>What a new domain is to be.</summary>
/// <param name="ExtentSizeBytes">128 MiB for every oVirt domain; smaller ones are ours alone, for tests and benchmarks.</param>
/// <param name="Wipe">Overwrite whatever is on the LUN, unless hosts use it.</param>
/// <param name="Wait">When wiping: hosts that stopped renewing are waited for until they are proven dead.</param>
sealed record DomainOptions(
    Guid Domain,
    string Description = "",
    int IoTimeoutSeconds = 10,
    int WatchdogTimeoutSeconds = 60,
    long ExtentSizeBytes = DomainLimits.ExtentBytes,
    bool Wipe = false,
    bool Wait = false)
{
    /// <summary>Paths of the devices behind the first one.</summary>
    public IReadOnlyList<string> Others { get; init; } = [];
}
