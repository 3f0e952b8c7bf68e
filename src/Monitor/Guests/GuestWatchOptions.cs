using OvirtSpm.Monitor.Qmp;

namespace OvirtSpm.Monitor.Guests;

/// <summary>How patient a guest's watch is.</summary>
public sealed record GuestWatchOptions
{
    public static readonly GuestWatchOptions Default = new();

    public QmpLimits Limits { get; init; } = QmpLimits.Default;

    /// <summary>Between looks at everything, when all thresholds are set: finds new disks and lost events.</summary>
    public TimeSpan PollInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The same while a disk has no threshold although it should, or its guest is paused.</summary>
    public TimeSpan UnarmedPollInterval { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>An extend without an answer counts as refused after this and is asked again.</summary>
    public TimeSpan AskTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Storage that has not answered a probe by then is not whole; asked again with the next look.</summary>
    public TimeSpan ProbeTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Until <see cref="GuestWatch.Use"/> says otherwise.</summary>
    public PausePolicy Pauses { get; init; } = PausePolicy.Default;

    public BackOff AskAgain { get; init; } = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(5));

    public BackOff Reconnect { get; init; } = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(5));

    /// <summary>How far behind the next target a write may end before the image is held to be corrupt. Requests in flight
    /// get there honestly: QEMU's NBD client keeps 16 of at most 32 MiB each.</summary>
    public long ImplausibleBytes { get; init; } = 1L << 30;
}
