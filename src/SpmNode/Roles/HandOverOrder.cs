namespace OvirtSpm.Node.Roles;

/// <summary>The SPM should step down.</summary>
/// <param name="To">The host id that should be next; null: whichever is ready.</param>
/// <param name="Why">For the log.</param>
sealed record HandOverOrder(int? To, string Why)
{
    readonly TaskCompletionSource<HandOverEnd> end = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<HandOverEnd> Ended => end.Task;

    public void End(HandOverEnd how) => end.TrySetResult(how);
}

/// <summary>What became of an order to step down.</summary>
abstract record HandOverEnd
{
    /// <param name="StoppedAt">When the last request was accepted, by the role's clock.</param>
    public sealed record Released(int Successor, string Name, ulong Epoch, long StoppedAt) : HandOverEnd;

    /// <summary>Nobody is ready; this host goes on.</summary>
    public sealed record Stayed(string Why) : HandOverEnd;
}
