namespace OvirtSpm.Monitor.Guests;

/// <summary>What to do with a guest that stands on a storage error.</summary>
public abstract record PauseVerdict
{
    private PauseVerdict() { }

    /// <summary>It does not stand on a storage error.</summary>
    public sealed record Nothing : PauseVerdict;

    /// <summary>It may go on if its storage is whole.</summary>
    public sealed record Try : PauseVerdict;

    /// <param name="Reason">For people.</param>
    public sealed record Hold(string Reason) : PauseVerdict;

    /// <param name="Stood">How long it was seen to stand.</param>
    public sealed record Kill(TimeSpan Stood) : PauseVerdict;
}

/// <summary>How long a guest has stood on a storage error, and what its policy says to that. Pure.</summary>
/// <remarks>
/// QEMU does not say when it stopped a guest: some time between the beginning of the last look that saw it run and the first that saw it stand.
/// The limit of <see cref="ResumeBehavior.Kill"/> takes the earlier moment where it forbids (the guest may have been started elsewhere since) and
/// the later where it acts (nothing is ended that has not stood that long).
/// <code>
///   looks     runs        stands
///   ──────────┼──── ✕ ────┼──────────────────────────────────────────▶ time
///             └─ may go on for KillAfter ─▶│ held │
///                         └─ KillAfter ───────────▶ killed
/// </code>
/// </remarks>
public sealed record StoragePause(PausePolicy Policy)
{
    /// <summary>Between attempts to continue a guest that stops again each time: its sectors may be bad while its paths are good.</summary>
    public static readonly BackOff TryAgain = new(TimeSpan.FromSeconds(2), TimeSpan.FromMinutes(1));

    /// <summary>A guest that ran for so long after it was continued has got over its error.</summary>
    public static readonly TimeSpan Settled = TimeSpan.FromMinutes(1);

    private TimeSpan? RanAt { get; init; }

    private TimeSpan? StoodAt { get; init; }

    private int Tries { get; init; }

    private TimeSpan TriedAt { get; init; }

    public bool Stands => StoodAt is not null;

    /// <param name="began">When the look began: what it saw was so no earlier.</param>
    /// <param name="ours">A disk of this pool has failed.</param>
    /// <param name="any">Some disk has.</param>
    public StoragePause Saw(TimeSpan began, TimeSpan now, string runStatus, bool ours, bool any) => runStatus switch
    {
        "running" => this with { RanAt = began, StoodAt = null, Tries = began - TriedAt >= Settled ? 0 : Tries },
        // A volume that was taken from this host is not ours any more: its guest stands as before.
        "io-error" when ours || any && Stands => this with { StoodAt = StoodAt ?? now },
        _ => this with { StoodAt = null },
    };

    /// <summary>It was continued, or the monitor was lost: what is seen next has not stood since what was seen before.</summary>
    public StoragePause Interrupted() => this with { StoodAt = null };

    /// <param name="sent">Before the command: the guest ran after that.</param>
    public StoragePause Continued(TimeSpan sent) => this with { RanAt = sent, StoodAt = null, Tries = Tries + 1, TriedAt = sent };

    public PauseVerdict Judge(TimeSpan now)
    {
        if (StoodAt is not { } stood)
            return new PauseVerdict.Nothing();
        if (Policy.Behavior is ResumeBehavior.LeavePaused)
            return new PauseVerdict.Hold("it is left paused by its policy; repair its storage, then continue it");
        if (Policy.Behavior is ResumeBehavior.Kill)
        {
            if (now - stood >= Policy.KillAfter)
                return new PauseVerdict.Kill(now - stood);
            if (RanAt is not { } ran || now - ran >= Policy.KillAfter)
                return new PauseVerdict.Hold($"it may have stood for {Policy.KillAfter.TotalSeconds:0} s and been started elsewhere; "
                    + $"it is killed in {(stood + Policy.KillAfter - now).TotalSeconds:0} s");
        }
        return Tries > 0 && now - TriedAt < TryAgain.After(Tries)
            ? new PauseVerdict.Hold($"it was continued {Tries} times and stopped again each time; tried again within "
                + $"{TryAgain.After(Tries).TotalSeconds:0} s")
            : new PauseVerdict.Try();
    }
}
