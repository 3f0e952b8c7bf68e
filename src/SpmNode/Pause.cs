namespace OvirtSpm.Node;

static class Pause
{
    /// <summary>A delay for <see cref="Task.WhenAny(Task[])"/>; being stopped ends it like running out does.</summary>
    /// <remarks>
    /// A cancelled <see cref="Task.Delay(TimeSpan, TimeProvider, CancellationToken)"/> continues on a thread of the pool, also
    /// where everything else runs on one: such a run could not be replayed from its seed. Here stopping makes the timer due, so the
    /// caller goes on where timers run and never inside the cancellation. Every host pauses several times a second.
    /// </remarks>
    public static Task ForAsync(TimeSpan time, TimeProvider clock, CancellationToken stop) =>
        time <= TimeSpan.Zero || stop.IsCancellationRequested ? Task.CompletedTask : new Running().Begin(time, clock, stop);

    sealed class Running : TaskCompletionSource
    {
        ITimer? timer;
        CancellationTokenRegistration stopping;

        public Task Begin(TimeSpan time, TimeProvider clock, CancellationToken stop)
        {
            timer = clock.CreateTimer(static pause => ((Running)pause!).End(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            timer.Change(time, Timeout.InfiniteTimeSpan);
            stopping = stop.UnsafeRegister(static pause => ((Running)pause!).timer!.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan), this);
            if (Task.IsCompleted)
            {
                // It ran out on another thread before that one could see the registration.
                stopping.Dispose();
            }
            return Task;
        }

        void End()
        {
            stopping.Dispose();
            timer!.Dispose();
            TrySetResult();
        }
    }
}
