namespace OvirtSpm.Node.Activation;

/// <summary>An active volume, however its guests reach it: served by this process, or mapped by the kernel.</summary>
interface ILiveVolume
{
    /// <summary>The live layout.</summary>
    SegmentTable Table { get; }

    /// <summary>How far guests may write now.</summary>
    long AllocatedBytes { get; }

    /// <summary>What it has beyond <see cref="AllocatedBytes"/> once it grows: kept for writes that wait when there is no answer (R15).</summary>
    long ReserveBytes { get; }

    /// <summary>The most it may become.</summary>
    long SizeBytes { get; }

    /// <summary>It is being deactivated, or was.</summary>
    bool IsClosed { get; }

    /// <summary>Writes waiting for space now.</summary>
    int HeldWrites { get; }

    /// <summary>Its guests go on when this process ends.</summary>
    bool OutlivesNode { get; }

    /// <summary>R12: loads a larger table, unless it could send bytes elsewhere than the live one.</summary>
    Task<GrowOutcome> GrowAsync(SegmentTable next);

    /// <summary>Nothing new begins, and what was begun has returned; refused for a map that somebody has open.</summary>
    /// <param name="limit">How long to wait; the outcome says honestly whether that was enough.</param>
    Task<DeactivateOutcome> DeactivateAsync(TimeSpan limit);

    /// <summary>As <see cref="DeactivateAsync"/>, whoever has it open: from now on every request fails.</summary>
    Task<DeactivateOutcome> CutOffAsync(TimeSpan limit);
}
