namespace OvirtSpm.Leases;

/// <summary>The last moment at which a write may still be issued, read from the boot clock at the point of issue.</summary>
/// <remarks>
/// One thread renews, any thread asks. There is no timer and no token in it: a host that slept past its deadline wakes with its
/// expiry timer and its next write due together, and either may run first.
/// </remarks>
public sealed class LeaseDeadline(TimeProvider bootClock, TimeSpan expiry)
{
    private const long Closed = long.MinValue;
    private long expiresAtTicks = Closed;

    /// <summary>When everything must have stopped, as time since boot on the boot clock; null while nothing is held.</summary>
    public TimeSpan? ExpiresAt => Volatile.Read(ref expiresAtTicks) is var at && at == Closed ? null : TimeSpan.FromTicks(at);

    /// <summary>Time left now: negative when it passed, <see cref="TimeSpan.MinValue"/> when nothing is held.</summary>
    public TimeSpan Margin
    {
        get
        {
            // The deadline is read before the clock: the other order could pair an old time with a newer deadline.
            var at = Volatile.Read(ref expiresAtTicks);
            return at == Closed ? TimeSpan.MinValue : TimeSpan.FromTicks(at) - bootClock.GetElapsedTime(0);
        }
    }

    /// <summary>May a write still be issued that needs at most <paramref name="margin"/> to be told apart from a late one?</summary>
    public bool Holds(TimeSpan margin = default) => Margin > margin;

    /// <param name="issuedAt">Time since boot from <em>before</em> the renewal was issued: observers count from when it landed.</param>
    internal void Renew(TimeSpan issuedAt) => Volatile.Write(ref expiresAtTicks, (issuedAt + expiry).Ticks);

    /// <summary>From now on nothing may be written: the host id was given back or lost.</summary>
    internal void Close() => Volatile.Write(ref expiresAtTicks, Closed);
}
