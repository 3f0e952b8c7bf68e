namespace OvirtSpm.Node.LeaseService;

/// <summary>What to do with a command, by the time its lease has left. All from T.</summary>
/// <remarks>
/// <code>
/// last renewal                                          margin
/// 0          5 T         SIGTERM: two renewals failed      3 T
///            7 T         SIGKILL                             T
///            7.5 T       the kernel kills this program     T/2     it may be stopped; the command dies with it
///            8 T         somebody else may begin             0
/// </code>
/// </remarks>
static class HoldPlan
{
    public static TimeSpan TerminateAt(TimeSpan ioTimeout) => 3 * ioTimeout;

    public static TimeSpan KillAt(TimeSpan ioTimeout) => ioTimeout;

    public static TimeSpan EndOurselvesAt(TimeSpan ioTimeout) => ioTimeout / 2;

    /// <summary>What SIGTERM gives it at most, also when the lease recovers meanwhile.</summary>
    public static TimeSpan Grace(TimeSpan ioTimeout) => TerminateAt(ioTimeout) - KillAt(ioTimeout);

    public static HoldStep Decide(TimeSpan margin, TimeSpan ioTimeout) =>
        margin <= KillAt(ioTimeout) ? HoldStep.Kill : margin <= TerminateAt(ioTimeout) ? HoldStep.Terminate : HoldStep.GoOn;

    /// <summary>How long nothing else can be due.</summary>
    public static TimeSpan NextLook(TimeSpan margin, TimeSpan ioTimeout)
    {
        var due = Decide(margin, ioTimeout) == HoldStep.GoOn ? TerminateAt(ioTimeout) : KillAt(ioTimeout);
        var wait = margin - due;
        return wait > Often ? Often : wait < Rarely ? Rarely : wait;
    }

    static readonly TimeSpan Often = TimeSpan.FromMilliseconds(500), Rarely = TimeSpan.FromMilliseconds(10);
}

enum HoldStep
{
    GoOn,
    Terminate,
    Kill,
}
