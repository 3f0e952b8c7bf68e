namespace OvirtSpm.Node.Storage;

/// <summary>How a domain of oVirt is to be led from now on.</summary>
/// <param name="Wait">Hosts that stopped renewing are waited for until they are proven dead.</param>
sealed record AdoptionOptions(int IoTimeoutSeconds = 10, int WatchdogTimeoutSeconds = 60, bool Wait = false);
