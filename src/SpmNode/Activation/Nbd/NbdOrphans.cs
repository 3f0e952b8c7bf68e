namespace OvirtSpm.Node.Activation.Nbd;

/// <summary>Requests that a client left behind in the device when its connection ended.</summary>
/// <remarks><code>
/// connection 1                    device                    connection 2, the same client
///   write A ──────────────────────▶ queued
///   breaks                                                    write A again ─▶ done, answered
///                                                             write B over it ▶ done, answered
///                                   A lands: B is lost
/// </code>
/// So nobody changes anything, and no new client begins, until what was left behind has returned.
/// </remarks>
internal sealed class NbdOrphans
{
    readonly Lock guard = new();
    Task pending = Task.CompletedTask;

    /// <summary>Completes when everything left behind until now has returned.</summary>
    public Task Returned
    {
        get
        {
            lock (guard)
            {
                return pending;
            }
        }
    }

    public void Add(Task drained)
    {
        lock (guard)
        {
            pending = pending.IsCompleted ? drained : Task.WhenAll(pending, drained);
        }
    }
}
