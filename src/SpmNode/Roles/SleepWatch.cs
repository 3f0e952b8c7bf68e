namespace OvirtSpm.Node.Roles;

/// <summary>R26: keeps this machine awake until the term it may have is over; for as long as the node runs.</summary>
/// <remarks>A comfort, not the fence: a host that sleeps without it, or sooner, is killed by the kernel's timer when it wakes (R25).</remarks>
/// <param name="mayExpect">That there is none is worth a warning.</param>
sealed class SleepWatch(ISleepInhibitor inhibitor, SleepGate gate, TimeProvider clock, Action<string> log, bool mayExpect = true)
{
    /// <summary>logind waits 5 s (InhibitDelayMaxSec) and sleeps then, whoever still holds a lock.</summary>
    public static readonly TimeSpan TermLimit = TimeSpan.FromSeconds(4);

    /// <summary>Without this a logind that died before it said "awake" would keep this host from ever being SPM again.</summary>
    public static readonly TimeSpan AwakeLimit = TimeSpan.FromSeconds(60);

    public static readonly TimeSpan Again = TimeSpan.FromSeconds(60);

    /// <summary>Why this machine may sleep at any moment; null while the lock is held.</summary>
    public string? Problem { get; private set; }

    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using var manager = await inhibitor.ConnectAsync(stop);
                await WatchAsync(manager, stop);
            }
            catch (IOException failed)
            {
                var problem = $"no sleep inhibitor: {failed.Message}";
                if (problem != Problem && mayExpect)
                {
                    log(problem);
                    Problem = problem;
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            finally
            {
                gate.Open();
            }
            await Pause.ForAsync(Again, clock, stop);
        }
    }

    async Task WatchAsync(ISleepManager manager, CancellationToken stop)
    {
        while (true)
        {
            await manager.InhibitAsync(stop);
            Problem = null;
            while (!await manager.NextAsync(stop))
            {
                // It woke from a sleep that began before this lock was held.
            }
            log("this machine is about to sleep; what this node leads ends first");
            var ended = gate.CloseAsync();
            // Not given up when the node is asked to stop: its term has to end all the same.
            await Task.WhenAny(ended, Pause.ForAsync(TermLimit, clock, CancellationToken.None));
            log(ended.IsCompleted ? "not SPM: this machine may sleep"
                : $"the term has not ended within {TermLimit.TotalSeconds:0} s; this machine sleeps all the same, and this process is killed when it wakes after its deadline");
            manager.LetGo();
            await AwakeAsync(manager, stop);
            gate.Open();
            log("this machine is awake");
        }
    }

    async Task AwakeAsync(ISleepManager manager, CancellationToken stop)
    {
        using var limit = new CancellationTokenSource(AwakeLimit, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stop);
        try
        {
            while (await manager.NextAsync(either.Token))
            {
                // Said twice.
            }
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            throw new IOException($"it announced that this machine sleeps, and did not say within {AwakeLimit.TotalSeconds:0} s that it is awake again");
        }
    }
}
