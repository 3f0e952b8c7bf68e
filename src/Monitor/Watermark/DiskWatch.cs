namespace OvirtSpm.Monitor.Watermark;

/// <param name="Next">The state after the input.</param>
/// <param name="Effects">What to do now, begun in this order.</param>
public readonly record struct DiskStep(DiskWatch Next, IReadOnlyList<DiskEffect> Effects);

/// <summary>One disk of one guest: when its threshold is set, when it asks for space, when its guest may go on. Pure.</summary>
/// <remarks>
/// <code>
///  New ──attached──▶ Quiet ──threshold passed, nospace──▶ Asked ──extended──▶ Extended ──threshold set──▶ Quiet
///                      ▲ │                                 │  ▲                   └─▶ Asked, when that was not enough
///                      │ └── at the maximum ──▶ Full       ▼  └── retry due ──┐
///                      └───── threshold set ── Unarmed   Refused ─────────────┘      any ──detached──▶ Lost
/// </code>
/// Sizes only grow, requests name absolute sizes, and at most one request is open: duplicate and late inputs change nothing.
/// </remarks>
public sealed record DiskWatch
{
    private enum Ask { None, Open, Waiting }

    private readonly GrowthPolicy policy;
    private readonly long implausibleBytes;

    /// <param name="implausibleBytes">How far behind the next target a write may end before the disk is
    /// <see cref="DiskPhase.Implausible"/>.</param>
    public DiskWatch(VolumeKey volume, GrowthPolicy policy, long implausibleBytes) =>
        (Volume, this.policy, this.implausibleBytes) = (volume, policy, implausibleBytes);

    public VolumeKey Volume { get; }

    public string NodeName { get; private init; } = "";

    public long AllocatedBytes { get; private init; }

    public long MaximumBytes { get; private init; }

    public long HighestBytes { get; private init; }

    /// <summary>What QEMU has, as far as we know; null for none.</summary>
    public long? ThresholdBytes { get; private init; }

    /// <summary>The guest stands still because this disk met its end. Known from QEMU's I/O errors only:
    /// whether a held write waits is read from the device, never through QMP (R16).</summary>
    public bool Paused { get; private init; }

    /// <summary>Measured outside; only handed to the policy.</summary>
    public double BytesPerSecond { get; init; }

    /// <summary>Measured outside; only handed to the policy.</summary>
    public TimeSpan ExtendLatency { get; init; }

    /// <summary>A write that met the end would find space now.</summary>
    public bool HasSpace => !Paused || AllocatedBytes > PausedAtBytes;

    /// <summary>Events alone do not cover this disk: look sooner than the slow poll would.</summary>
    public bool NeedsPolling => Attached && (Paused || Phase is DiskPhase.Unarmed or DiskPhase.Extended);

    public DiskPhase Phase =>
        !Attached ? NodeName.Length == 0 ? DiskPhase.New : DiskPhase.Lost
        : Request is Ask.Open ? DiskPhase.Asked
        : Request is Ask.Waiting ? DiskPhase.Refused
        : IsImplausible ? DiskPhase.Implausible
        : IsFull ? DiskPhase.Full
        : Trouble.Length > 0 ? DiskPhase.Unarmed
        : ThresholdBytes == WantedBytes ? DiskPhase.Quiet
        : DiskPhase.Extended;

    /// <summary>Why the phase is what it is; empty when there is nothing to say.</summary>
    public string Detail => Phase switch
    {
        DiskPhase.Refused or DiskPhase.Unarmed or DiskPhase.Lost => Trouble,
        DiskPhase.Implausible => $"a write ends at byte {HighestBytes} although the volume has {AllocatedBytes} bytes and its "
            + "next size is far below that; not extended: the image looks corrupt, check it with qemu-img check",
        DiskPhase.Full when !HasSpace => $"the guest is paused and the volume is at its maximum of {MaximumBytes} bytes; "
            + "free space inside the guest cannot help, only a larger maximum",
        _ => "",
    };

    /// <summary>Number of the request that waits for its answer; null when none does.</summary>
    public long? OpenRequest => Request is Ask.Open ? LastRequest : null;

    private bool Attached { get; init; }

    private Ask Request { get; init; }

    private long LastRequest { get; init; }

    private long AllocatedAtAskBytes { get; init; }

    private int Failures { get; init; }

    private string Trouble { get; init; } = "";

    private bool IsFull { get; init; }

    private bool IsImplausible { get; init; }

    private long? WantedBytes { get; init; }

    private long? SettingBytes { get; init; }

    private long PausedAtBytes { get; init; }

    private long TriedFullAtBytes { get; init; } = -1;

    private bool ResumeAsked { get; init; }

    public DiskStep Step(DiskInput input) => input switch
    {
        DiskInput.Attached attached => Attach(attached).Judge(),
        DiskInput.Detached detached when Attached => new(
            this with { Attached = false, Trouble = detached.Reason, ThresholdBytes = null, SettingBytes = null }, []),
        DiskInput.ThresholdPassed passed when Attached =>
            (this with { HighestBytes = Math.Max(HighestBytes, passed.EndBytes), ThresholdBytes = null }).Judge(),
        DiskInput.NoSpace when Attached && !Paused => Pause().Judge(),
        DiskInput.Resumed when Paused => (this with { Paused = false, ResumeAsked = false }).Judge(),
        DiskInput.Extended answer when IsOpen(answer.Request) => answer.AllocatedBytes > AllocatedAtAskBytes
            ? (this with { Request = Ask.None }).Grow(answer.AllocatedBytes).Judge()
            : Refuse($"the extend was answered with {answer.AllocatedBytes} bytes although the volume already had {AllocatedAtAskBytes}"),
        DiskInput.Refused refused when IsOpen(refused.Request) => Refuse(refused.Reason),
        DiskInput.RetryDue due when due.Request == LastRequest && Request is Ask.Waiting =>
            (this with { Request = Ask.None, Trouble = "" }).Judge(),
        DiskInput.Grew grew when grew.AllocatedBytes > AllocatedBytes => Grow(grew.AllocatedBytes).Judge(),
        DiskInput.ThresholdSet set when SettingBytes == set.OffsetBytes => (this with
        {
            SettingBytes = null, ThresholdBytes = set.OffsetBytes > 0 ? set.OffsetBytes : null,
        }).Judge(),
        DiskInput.ThresholdFailed failed when SettingBytes is not null =>
            (this with { SettingBytes = null, ThresholdBytes = null, Trouble = failed.Reason }).Judge(),
        DiskInput.Polled polled when Attached => Look(polled).Judge(),
        _ => new(this, []), // late, duplicate, or about a node that is gone
    };

    // R12: only the answer to the request that is open counts.
    private bool IsOpen(long request) => Request is Ask.Open && request == LastRequest;

    private DiskWatch Attach(DiskInput.Attached attached) => this with
    {
        Attached = true,
        NodeName = attached.NodeName,
        Trouble = Request is Ask.Waiting ? Trouble : "",
        Paused = false, // a new session reads the pauses anew
        ResumeAsked = false,
        // R12: no size goes back, whatever a late reader says.
        AllocatedBytes = Math.Max(AllocatedBytes, attached.Sizes.AllocatedBytes),
        MaximumBytes = Math.Max(attached.Sizes.MaximumBytes, attached.Sizes.AllocatedBytes),
        HighestBytes = Math.Max(HighestBytes, attached.Sizes.HighestWrittenBytes),
        ThresholdBytes = attached.ArmedBytes > 0 ? attached.ArmedBytes : null,
        SettingBytes = null,
    };

    private DiskWatch Pause() => this with
    {
        Paused = true,
        ResumeAsked = false,
        // At the maximum no growth will ever clear the pause, and the failed write may have been older than the last growth:
        // one resume without growth is tried per size, so that such a guest does not stand still for ever.
        PausedAtBytes = IsFull && TriedFullAtBytes != AllocatedBytes ? AllocatedBytes - 1 : AllocatedBytes,
        TriedFullAtBytes = IsFull ? AllocatedBytes : TriedFullAtBytes,
    };

    private DiskStep Refuse(string reason)
    {
        var next = this with { Request = Ask.Waiting, Failures = Failures + 1, Trouble = Attached ? reason : Trouble };
        return new(next, [new DiskEffect.RetryLater(LastRequest, next.Failures)]);
    }

    private DiskWatch Grow(long allocatedBytes) => this with
    {
        AllocatedBytes = Math.Max(AllocatedBytes, allocatedBytes),
        MaximumBytes = Math.Max(MaximumBytes, allocatedBytes),
        Request = Request is Ask.Waiting ? Ask.None : Request, // what was refused came another way
        Failures = 0,
        Trouble = Attached ? "" : Trouble,
    };

    private DiskWatch Look(DiskInput.Polled polled) => this with
    {
        HighestBytes = Math.Max(HighestBytes, polled.HighestBytes),
        ThresholdBytes = polled.ArmedBytes is { } armed && SettingBytes is null ? armed > 0 ? armed : null : ThresholdBytes,
        Trouble = Request is Ask.Waiting ? Trouble : "", // a threshold QEMU refused is tried again
        ResumeAsked = false, // and so is a resume that was not possible then
    };

    /// <summary>The one place where the sizes are weighed: full, implausible, ask, keep the threshold set, resume.</summary>
    private DiskStep Judge()
    {
        if (!Attached)
            return new(this, []);
        var decision = policy(new(AllocatedBytes, MaximumBytes, HighestBytes, BytesPerSecond, ExtendLatency));
        var wanted = decision.ThresholdBytes;
        var implausible = wanted is not null
            && HighestBytes - implausibleBytes > Math.Max(decision.TargetBytes, AllocatedBytes);
        var next = this with { IsFull = wanted is null, IsImplausible = implausible, WantedBytes = wanted };
        List<DiskEffect> effects = [];

        var shouldGrow = wanted is not null && !implausible && (HighestBytes > wanted || !HasSpace);
        if (shouldGrow && Request is Ask.None && decision.TargetBytes > AllocatedBytes)
        {
            next = next with { Request = Ask.Open, LastRequest = LastRequest + 1, AllocatedAtAskBytes = AllocatedBytes };
            effects.Add(new DiskEffect.AskExtend(next.LastRequest, decision.TargetBytes));
        }

        // Not while growing or implausible: QEMU would report every single write.
        if (!shouldGrow && !implausible && Trouble.Length == 0 && (SettingBytes ?? ThresholdBytes ?? 0) != (wanted ?? 0))
        {
            next = next with { SettingBytes = wanted ?? 0 };
            effects.Add(new DiskEffect.SetThreshold(NodeName, wanted ?? 0));
        }

        // The guest writes the moment it goes on: by then its threshold is set, or the next extend is already asked for.
        if (next is { Paused: true, HasSpace: true, ResumeAsked: false, SettingBytes: null })
        {
            next = next with { ResumeAsked = true };
            effects.Add(new DiskEffect.Resume());
        }
        return new(next, effects);
    }
}
