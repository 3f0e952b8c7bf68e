using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>A disk that is open for somebody's requests until they are through, are cancelled, or go silent for <paramref name="idleLimit"/>.</summary>
/// <typeparam name="T">What the requests are for.</typeparam>
/// <param name="what">For people: "an upload".</param>
sealed class DiskSession<T>(string what, TimeSpan idleLimit, TimeProvider clock) where T : class
{
    static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    readonly Lock gate = new();
    readonly TaskCompletionSource opened = New(), finished = New(), drained = New();
    T? disk;
    Func<bool> holds = () => false;
    bool closed;
    int inFlight;
    long heard = clock.GetTimestamp();

    /// <summary>Completes when requests are taken.</summary>
    public Task Opened => opened.Task;

    /// <summary>Returns when it was finished, and nobody uses the disk any more; throws when it ended in another way.</summary>
    /// <param name="mayGoOn">The SPM's fence: from its deadline on the disk is another host's to change.</param>
    public async Task RunAsync(T target, Func<bool> mayGoOn, CancellationToken stop)
    {
        lock (gate)
        {
            (disk, holds, heard) = (target, mayGoOn, clock.GetTimestamp());
        }
        opened.SetResult();
        try
        {
            while (!finished.Task.IsCompleted)
            {
                stop.ThrowIfCancellationRequested();
                if (!mayGoOn())
                {
                    throw Refusal.NotLeader($"this host stopped being SPM in the middle of {what}. Begin it again with the SPM of now.");
                }
                if (IsIdle())
                {
                    throw Refusal.Conflict($"nothing came for {idleLimit.TotalMinutes:0.#} minutes, and {what} was given up. Begin it again.");
                }
                using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
                var pause = Pause.ForAsync(Look, clock, ended.Token);
                await Task.WhenAny(finished.Task, pause);
                ended.Cancel();
                await pause;
            }
        }
        finally
        {
            // R13: whoever is in the middle of a request is waited for; then nobody but the owner has the disk.
            await CloseAsync();
        }
    }

    /// <summary>No request is taken after this one; those under way are waited for. Finished before, it stays so.</summary>
    /// <param name="judge">Refuses, and then it goes on.</param>
    public void Finish(Action? judge = null)
    {
        lock (gate)
        {
            if (finished.Task.IsCompleted)
            {
                return;
            }
            Disk();
            judge?.Invoke();
            closed = true;
            finished.SetResult();
        }
    }

    /// <summary>Somebody is still there.</summary>
    public void Hear()
    {
        lock (gate)
        {
            heard = clock.GetTimestamp();
        }
    }

    public Task UseAsync(Func<T, Task> use) => UseAsync(async mine =>
    {
        await use(mine);
        return true;
    });

    public async Task<TResult> UseAsync<TResult>(Func<T, Task<TResult>> use)
    {
        T mine;
        lock (gate)
        {
            mine = Disk();
            inFlight++;
        }
        try
        {
            var result = await use(mine);
            // Asked afterwards: what was read beyond the deadline may be half of another SPM's change.
            return holds() ? result : throw Refusal.NotLeader($"this host stopped being SPM in the middle of {what}. Begin it again with the SPM of now.");
        }
        finally
        {
            lock (gate)
            {
                inFlight--;
                heard = clock.GetTimestamp();
                if (closed && inFlight == 0)
                {
                    drained.TrySetResult();
                }
            }
        }
    }

    /// <summary>Under the lock.</summary>
    T Disk() => closed ? throw Refusal.Conflict($"this is the end of {what}: nothing more is taken.")
        : disk ?? throw Refusal.Unavailable($"{what} was asked for and is not ready yet; ask again in a moment.");

    bool IsIdle()
    {
        lock (gate)
        {
            return inFlight == 0 && clock.GetElapsedTime(heard) > idleLimit;
        }
    }

    Task CloseAsync()
    {
        lock (gate)
        {
            closed = true;
            return inFlight == 0 ? Task.CompletedTask : drained.Task;
        }
    }

    static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
