namespace OvirtSpm.Monitor.Watermark;

/// <summary>Everything that can happen to a watched disk.</summary>
public abstract record DiskInput
{
    private DiskInput() { }

    /// <summary>A session was opened (or the disk appeared) and its node was read.</summary>
    /// <param name="ArmedBytes">The threshold QEMU has for the node now, 0 for none.</param>
    public sealed record Attached(string NodeName, VolumeSizes Sizes, long ArmedBytes) : DiskInput;

    /// <summary>BLOCK_WRITE_THRESHOLD. QEMU has cleared the threshold by sending it.</summary>
    /// <param name="EndBytes">Where the write ends: threshold plus the amount it is exceeded by.</param>
    public sealed record ThresholdPassed(long EndBytes) : DiskInput;

    /// <summary>BLOCK_IO_ERROR with nospace that stopped the guest, or an io-status of nospace found later.</summary>
    public sealed record NoSpace : DiskInput;

    /// <summary>The guest was continued, by us or by somebody else.</summary>
    public sealed record Resumed : DiskInput;

    /// <param name="Request">Number of the request answered, as in <see cref="DiskEffect.AskExtend"/>.</param>
    public sealed record Extended(long Request, long AllocatedBytes) : DiskInput;

    public sealed record Refused(long Request, string Reason) : DiskInput;

    /// <summary>The pause after a refusal is over.</summary>
    public sealed record RetryDue(long Request) : DiskInput;

    /// <summary>Somebody else made the volume larger.</summary>
    public sealed record Grew(long AllocatedBytes) : DiskInput;

    public sealed record ThresholdSet(long OffsetBytes) : DiskInput;

    /// <summary>QEMU refused the threshold.</summary>
    public sealed record ThresholdFailed(string Reason) : DiskInput;

    /// <summary>The slow look.</summary>
    /// <param name="HighestBytes">wr_highest_offset of the node: 0 until something was written since it was opened.</param>
    /// <param name="ArmedBytes">The threshold QEMU has for the node, 0 for none; null when one was set or fired while looking.</param>
    public sealed record Polled(long HighestBytes, long? ArmedBytes) : DiskInput;

    /// <summary>The session ended, or the node is gone.</summary>
    public sealed record Detached(string Reason) : DiskInput;
}
