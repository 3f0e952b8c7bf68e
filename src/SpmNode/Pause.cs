namespace OvirtSpm.Node;

static class Pause
{
    /// <summary>A delay for <see cref="Task.WhenAny(Task[])"/>; being stopped ends it like running out does.</summary>
    /// <remarks>A cancelled <see cref="Task.Delay(TimeSpan, TimeProvider, CancellationToken)"/> continues on a thread of the pool, also
    /// where everything else runs on one: such a run could not be replayed from its seed.</remarks>
    public static async Task ForAsync(TimeSpan time, TimeProvider clock, CancellationToken stop)
    {
        try
        {
            await Task.Delay(time, clock, stop);
        }
        catch (OperationCanceledException)
        {
            // The caller looks at the token.
        }
    }
}
