using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.HostId;

/// <summary>Taking a host id, as steps: each input is answered with what to do next. No I/O, no clock.</summary>
/// <remarks>
/// A delta lease (Chockler and Malkhi's light-weight lease): write, wait longer than any rival's write could take, and read back.
/// <code>
/// free, or held under our own name      write ── wait 2 To ── read: ours? joined
/// held under another name               watch 8 To + W without a change, then as above
/// </code>
/// To is the larger of our io timeout and the one that stands <em>on disk</em>: whoever wrote it may still be acting by it, and a rival
/// of our own pool acts by ours (R19). sanlock takes the one on disk alone. All times are since boot, own clock.
/// Source: sanlock 3.8.5, delta_lease.c; waits measured.
/// </remarks>
internal sealed class HostIdJoin(LeaseName hostName, int hostId, LeaseTiming timing, Func<int, ulong, TimeSpan?> watchdogTimeoutOf)
{
    private LeaderRecord? seen;
    private TimeSpan seenAt;
    private TimeSpan? joinWaitEnds;

    /// <summary>What we wrote last; null before.</summary>
    public LeaderRecord? Written { get; private set; }

    /// <summary>When that write was about to be issued.</summary>
    public TimeSpan IssuedAt { get; private set; }

    public static JoinEffect Begin() => JoinEffect.ReadSector;

    /// <param name="askedAt">Before the read was issued: what it proves is proven for then, however long the answer took to reach us.</param>
    /// <param name="answeredAt">After it returned.</param>
    public JoinEffect Read(LeaderRecord now, TimeSpan askedAt, TimeSpan answeredAt)
    {
        if (Written is not null)
        {
            return ReadBack(now, askedAt);
        }

        if (now.Timestamp == 0 || now.Resource.Means(hostName))
        {
            seen = now;
            return JoinEffect.WriteSector;
        }

        if (seen is null)
        {
            (seen, seenAt) = (now, answeredAt);
        }
        else if (now != seen)
        {
            return Busy(now, "it renewed while we watched");
        }

        var dead = timing.DeadAfter(OnDiskTimeout(now), watchdogTimeoutOf(hostId, now.OwnerGeneration));
        var proven = askedAt - seenAt;
        if (proven > dead)
        {
            return JoinEffect.WriteSector;
        }

        // A live holder renews every 2 To: looking that often answers "busy" in seconds instead of minutes.
        var look = LeaseTiming.JoinFreeOf(OnDiskTimeout(now)) + LeaseTiming.RenewalPause;
        var left = dead - (answeredAt - seenAt) + TimeSpan.FromMilliseconds(1);
        return new JoinEffect.Wait(left < look ? Max(left, TimeSpan.FromMilliseconds(1)) : look);
    }

    public JoinEffect Waited() => JoinEffect.ReadSector;

    /// <summary>The record to write at <paramref name="now"/>.</summary>
    public LeaderRecord RecordAt(TimeSpan now)
    {
        IssuedAt = now;
        if (Written is null)
        {
            return Written = seen! with
            {
                OwnerId = (ulong)hostId,
                OwnerGeneration = seen!.OwnerGeneration + 1,
                Resource = hostName,
                Timestamp = LeaseClock.OnDisk(now, 0),
                IoTimeoutField = (ushort)timing.IoTimeout.TotalSeconds,
                WriteId = 0,
                WriteGeneration = 0,
                WriteTimestamp = 0,
            };
        }

        return Written = Written with { Timestamp = LeaseClock.OnDisk(now, Written.Timestamp) };
    }

    /// <param name="now">After the write returned. The wait counts from here: until then the write may not have been visible.</param>
    public JoinEffect Wrote(TimeSpan now)
    {
        // R19: a rival's write may take as long as ours may.
        joinWaitEnds ??= now + LeaseTiming.JoinFreeOf(Max(OnDiskTimeout(seen!), timing.IoTimeout));
        return new JoinEffect.Wait(Min(joinWaitEnds.Value - now, timing.RenewalInterval));
    }

    private JoinEffect ReadBack(LeaderRecord now, TimeSpan askedAt)
    {
        if (now != Written)
        {
            return Busy(now, "another host wrote its name over ours while we joined");
        }

        if (askedAt - IssuedAt >= timing.Expiry)
        {
            return new JoinEffect.Done(new JoinOutcome.IoFailed(
                $"joining host id {hostId} took longer than its own lease lasts ({timing.Expiry.TotalSeconds:0} s); check the storage and try again"));
        }

        // The record on disk asked for a longer wait than our own lease lasts: renew meanwhile, or others see us dead.
        return askedAt < joinWaitEnds ? JoinEffect.WriteSector : new JoinEffect.Done(new JoinOutcome.Joined(now.OwnerGeneration));
    }

    private JoinEffect.Done Busy(LeaderRecord holder, string why) => new(new JoinOutcome.Busy(holder.Resource.ToString(), holder.OwnerGeneration,
        $"host id {hostId} is used by '{holder.Resource}' (generation {holder.OwnerGeneration}): {why}. Give every host its own id, or stop the other one"));

    private TimeSpan OnDiskTimeout(LeaderRecord record) =>
        record.IoTimeoutSeconds == 0 ? timing.IoTimeout : TimeSpan.FromSeconds(record.IoTimeoutSeconds);

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}
