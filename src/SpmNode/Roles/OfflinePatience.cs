namespace OvirtSpm.Node.Roles;

/// <summary>How long one offline verb waits for others: each holds the pool for seconds, so a bounded wait is kinder than "try again".</summary>
sealed class OfflinePatience(OfflinePorts ports, CancellationToken stop)
{
    static readonly TimeSpan SaysAfter = TimeSpan.FromSeconds(5);
    readonly long began = ports.BootClock.GetTimestamp();
    bool said;

    public static TimeSpan Limit { get; } = TimeSpan.FromSeconds(60);

    /// <returns>False when it is time to give up.</returns>
    public async Task<bool> WaitAsync(string forWhom)
    {
        var waited = ports.BootClock.GetElapsedTime(began);
        if (waited > Limit)
        {
            return false;
        }
        if (waited > SaysAfter && !said)
        {
            said = true;
            ports.Say($"waiting for {forWhom}, {Limit.TotalSeconds:0} s at most …");
        }
        // Verbs in step would keep meeting: the pauses differ.
        await Task.Delay(TimeSpan.FromMilliseconds(200 + ports.Choice.Pick(300, "pause before asking again, ms")), ports.BootClock, stop);
        return true;
    }
}
