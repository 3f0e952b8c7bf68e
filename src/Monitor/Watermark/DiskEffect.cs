namespace OvirtSpm.Monitor.Watermark;

/// <summary>What a watched disk wants done. Effects of one step are begun in order.</summary>
public abstract record DiskEffect
{
    private DiskEffect() { }

    /// <param name="OffsetBytes">0 clears the threshold. The answer comes back as ThresholdSet or ThresholdFailed.</param>
    public sealed record SetThreshold(string NodeName, long OffsetBytes) : DiskEffect;

    /// <param name="Request">Comes back with the answer; an answer to an older request is stale (R12).</param>
    public sealed record AskExtend(long Request, long AbsoluteBytes) : DiskEffect;

    /// <summary>Ask again after a pause: comes back as RetryDue.</summary>
    /// <param name="Failures">Refusals in a row, at least 1.</param>
    public sealed record RetryLater(long Request, int Failures) : DiskEffect;

    /// <summary>This disk has space again and its threshold is set: the guest may go on as far as this disk is concerned.</summary>
    public sealed record Resume : DiskEffect;
}
