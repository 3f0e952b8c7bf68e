namespace OvirtSpm.Node.LeaseService;

/// <summary>Keeps a command to its lease: it ends in time when the lease is lost.</summary>
sealed class HoldSupervision(IHeldLease lease, IHeldCommand command, TimeProvider clock, Action<string> say)
{
    static readonly TimeSpan KillAgain = TimeSpan.FromMilliseconds(50);

    long? terminatedAt;

    /// <param name="stop">Somebody asks the command to end; its lease is kept until it did.</param>
    /// <returns>The command's exit code; null when the lease was lost and the command was ended for it.</returns>
    public async Task<int?> RunAsync(CancellationToken stop)
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var asking = stop.Register(() => ended.TrySetResult());
        var lost = false;
        var asked = false;
        while (!command.Exited.IsCompleted)
        {
            // The margin is read at each look and never remembered: a machine that slept finds it negative.
            var margin = lease.Margin is var left && left > TimeSpan.Zero ? left : TimeSpan.Zero;
            var step = lease.Lost.IsCompleted || GraceIsOver() ? HoldStep.Kill : HoldPlan.Decide(margin, lease.IoTimeout);
            if (step == HoldStep.Kill)
            {
                // Before anything is said: a reader that does not read would hold it up.
                command.Kill();
                if (!lost)
                {
                    lost = true;
                    say(lease.Lost.IsCompleted ? await lease.Lost : $"the lease '{lease.Name}' has {margin.TotalSeconds:0.0} s left");
                }
                while (!command.Exited.IsCompleted)
                {
                    // What it started while it was being killed.
                    command.Kill();
                    await Task.WhenAny(command.Exited, Task.Delay(KillAgain, clock));
                }
                break;
            }
            if (lease.ExpiresAt is { Ticks: > 0 } expires)
            {
                command.EndUnlessPutOff(expires - HoldPlan.EndOurselvesAt(lease.IoTimeout));
            }
            if (step == HoldStep.Terminate && !lost)
            {
                lost = true;
                Terminate();
                say($"the lease '{lease.Name}' could not be renewed and has {margin.TotalSeconds:0.0} s left; the command is asked to end, and killed at {HoldPlan.KillAt(lease.IoTimeout).TotalSeconds:0.0} s");
            }
            if (stop.IsCancellationRequested && !asked)
            {
                asked = true;
                command.Terminate();
            }
            var look = Task.Delay(HoldPlan.NextLook(margin, lease.IoTimeout), clock);
            await (asked ? Task.WhenAny(command.Exited, lease.Lost, look) : Task.WhenAny(command.Exited, lease.Lost, look, ended.Task));
        }
        // When nobody knows whether all of it has ended, that is what is said, also after a loss: the lease must not be given back then (R8).
        var code = await command.Exited;
        return lost ? null : code;
    }

    bool GraceIsOver() => terminatedAt is { } at && clock.GetElapsedTime(at) >= HoldPlan.Grace(lease.IoTimeout);

    void Terminate()
    {
        terminatedAt = clock.GetTimestamp();
        command.Terminate();
    }
}
