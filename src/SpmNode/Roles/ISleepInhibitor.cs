namespace OvirtSpm.Node.Roles;

/// <summary>R26: whoever puts this machine to sleep, and waits a moment for those who asked it to.</summary>
interface ISleepInhibitor
{
    /// <exception cref="IOException">It does not answer.</exception>
    Task<ISleepManager> ConnectAsync(CancellationToken stop);
}

/// <summary>A connection that hears of every sleep from its begin on. One call at a time.</summary>
interface ISleepManager : IDisposable
{
    /// <summary>From now on the machine waits before it sleeps, until <see cref="LetGo"/>.</summary>
    /// <exception cref="IOException">Refused, or no answer.</exception>
    Task InhibitAsync(CancellationToken stop);

    void LetGo();

    /// <returns>True: the machine is about to sleep. False: it is awake again.</returns>
    /// <exception cref="IOException">The connection is gone.</exception>
    Task<bool> NextAsync(CancellationToken stop);
}
