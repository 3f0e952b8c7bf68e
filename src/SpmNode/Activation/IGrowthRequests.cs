namespace OvirtSpm.Node.Activation;

/// <summary>Asks the SPM for a larger volume.</summary>
public interface IGrowthRequests
{
    /// <summary>Called when a guest's write waits past the end. At most one call per volume is open at a time.</summary>
    /// <param name="absoluteBytesWanted">The volume must have at least these bytes for every write that waits now.</param>
    /// <param name="stop">Cancelled when the volume is deactivated.</param>
    /// <returns>After <see cref="GrowthAnswer.Granted"/> the export's table has been grown by whoever answers.</returns>
    Task<GrowthAnswer> AskAsync(long absoluteBytesWanted, CancellationToken stop);
}

/// <summary>What the SPM said. An exception counts as <see cref="Later"/>.</summary>
public enum GrowthAnswer
{
    Granted,

    /// <summary>No SPM, no answer, or not now: asked again until the held writes reach their limit.</summary>
    Later,

    /// <summary>There is no space: held writes fail at once, so that the guest pauses instead of hanging.</summary>
    PoolFull,
}

/// <summary>For callers that have a function instead of an object.</summary>
public sealed class GrowthCallback(Func<long, CancellationToken, Task<GrowthAnswer>> ask) : IGrowthRequests
{
    public Task<GrowthAnswer> AskAsync(long absoluteBytesWanted, CancellationToken stop) => ask(absoluteBytesWanted, stop);
}
