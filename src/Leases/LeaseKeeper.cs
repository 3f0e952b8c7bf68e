using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases;

/// <summary>Holds one host id of a lockspace: joins, renews, leaves. Everything that is held is held under it.</summary>
/// <remarks>
/// One loop: <see cref="JoinAsync"/>, then <see cref="RunAsync"/>, then <see cref="LeaveAsync"/>, one after the other.
/// One object per host id and process, also across losing and joining again: it knows which writes of its former life are still out.
/// <see cref="Deadline"/>, <see cref="Hosts"/>, <see cref="Generation"/> and <see cref="HasOutstandingWrites"/> may be read from any thread.
/// </remarks>
public sealed partial class LeaseKeeper
{
    private readonly LeaseGeometry geometry;
    private readonly LeaseName lockspace;
    private readonly LeaseName hostName;
    private readonly int hostId;
    private readonly LeaseTiming timing;
    private readonly LeaseClock clock;
    private readonly IChoice choice;
    private readonly Func<int, ulong, TimeSpan?> watchdogTimeoutOf;
    private readonly ILeaseObserver? observer;
    private readonly LeaseIo io;
    private readonly OutstandingWrites outstanding = new();
    private PendingWrite? lastWrite;
    private LeaderRecord? written;
    private TimeSpan issuedAt;
    private ulong generation;
    private int running;

    /// <param name="area">The lockspace from its first byte.</param>
    /// <param name="hostName">R30: unique per machine; equal names skip the long wait when a host id is taken again.</param>
    /// <param name="bootClock">GetTimestamp counts suspend (CLOCK_BOOTTIME): a host that slept must know that its lease is old.</param>
    /// <param name="watchdogTimeoutOf">The watchdog of (host id, generation) from its host record; null when it left none.</param>
    /// <exception cref="ArgumentException">A name, the host id or the area does not fit.</exception>
    public LeaseKeeper(
        ILeaseArea area, LeaseGeometry geometry, string lockspace, int hostId, string hostName, LeaseTiming timing,
        TimeProvider bootClock, IChoice choice, Func<int, ulong, TimeSpan?> watchdogTimeoutOf, ILeaseObserver? observer = null)
    {
        AreaFit.Check(area, 0, geometry);
        _ = geometry.HostIdOffset(hostId);
        (this.geometry, this.hostId, this.timing, this.choice) = (geometry, hostId, timing, choice);
        (this.watchdogTimeoutOf, this.observer) = (watchdogTimeoutOf, observer);
        (this.lockspace, this.hostName) = (LeaseName.Of(lockspace), LeaseName.Of(hostName));
        (clock, io) = (new LeaseClock(bootClock), new LeaseIo(area, bootClock, outstanding));
        Deadline = new LeaseDeadline(bootClock, timing.Expiry);
        Hosts = new HostTable(geometry, this.lockspace, hostId, timing, watchdogTimeoutOf);
    }

    public int HostId => hostId;

    public LeaseTiming Timing => timing;

    /// <summary>Of our present life under this host id; 0 before the first join.</summary>
    public ulong Generation => Volatile.Read(ref generation);

    /// <summary>Until when writes may be issued.</summary>
    public LeaseDeadline Deadline { get; }

    public HostTable Hosts { get; }

    /// <summary>R8: a lease write of this host id or of a resource held under it was issued and has not returned.</summary>
    public bool HasOutstandingWrites => outstanding.Any;

    /// <summary>R27: asked before each renewal; as long as it gives a reason nothing is renewed, and what is held ends at the deadline.</summary>
    /// <remarks>For a holder whose own work is stuck: renewed on, it would keep everything it holds from everybody for ever.</remarks>
    public Func<string?>? Objection { get; set; }

    internal Func<int, ulong, TimeSpan?> WatchdogTimeoutOf => watchdogTimeoutOf;

    internal LeaseName Lockspace => lockspace;

    internal LeaseGeometry Geometry => geometry;

    internal OutstandingWrites Outstanding => outstanding;

    /// <summary>Takes the host id: 2 T when it is free or was ours under the same name, 8 T + W + 2 T when another name left it behind.</summary>
    /// <remarks>T is the larger of ours and the io timeout that stands on disk. <see cref="RunAsync"/> must follow at once.</remarks>
    /// <exception cref="OperationCanceledException">Stopped while waiting; a record of ours may stand there and expires by itself.</exception>
    public async ValueTask<JoinOutcome> JoinAsync(CancellationToken stop)
    {
        Deadline.Close();
        if (!await io.WithinAsync(outstanding.WhenNone(), timing.IoTimeout))
        {
            // R8: an old write of ours could land on top of the new record, or of a vote of the new life, and undo it.
            return new JoinOutcome.IoFailed($"host id {hostId} cannot be joined while a write of our former life is out; look at the paths to the storage");
        }

        var join = new HostIdJoin(hostName, hostId, timing, watchdogTimeoutOf);
        var effect = HostIdJoin.Begin();
        var askedAt = clock.Now;
        while (true)
        {
            switch (effect)
            {
                case JoinEffect.Read:
                    askedAt = clock.Now;
                    var (record, refusal) = await ReadOwnAsync();
                    effect = refusal is null ? join.Read(record!, askedAt, clock.Now) : new JoinEffect.Done(refusal);
                    break;
                case JoinEffect.Wait wait:
                    // To its end: read back a millisecond early, the record would have to be written again.
                    for (var end = clock.Now + wait.Time; clock.Now < end;)
                    {
                        await clock.WaitAsync(end - clock.Now, stop);
                    }
                    effect = join.Waited();
                    break;
                case JoinEffect.Write when clock.Now - askedAt > timing.IoTimeout:
                    // We slept between reading and writing: somebody may have taken the host id meanwhile.
                    effect = HostIdJoin.Begin();
                    break;
                case JoinEffect.Write:
                    lastWrite = io.Write(geometry.HostIdOffset(hostId), Sector(join.RecordAt(clock.Now)));
                    effect = await lastWrite.WithinAsync(timing.IoTimeout) is { } failure
                        ? new JoinEffect.Done(new JoinOutcome.IoFailed($"joining host id {hostId}: {failure}"))
                        : join.Wrote(clock.Now);
                    break;
                case JoinEffect.Done { Outcome: JoinOutcome.Joined joined }:
                    (written, issuedAt) = (join.Written, join.IssuedAt);
                    Volatile.Write(ref generation, joined.Generation);
                    Deadline.Renew(issuedAt);
                    return joined;
                case JoinEffect.Done done:
                    return done.Outcome;
            }
        }
    }

    /// <summary>Renews every 2 T + 0.5 s until stopped or lost.</summary>
    /// <returns>Why it ended. After anything but <see cref="LeaseLostReason.Stopped"/> the deadline is closed: nothing may be written.</returns>
    /// <exception cref="InvalidOperationException">Not joined, or running already.</exception>
    public async Task<LeaseLost> RunAsync(CancellationToken stop)
    {
        if (written is null || Interlocked.Exchange(ref running, 1) == 1)
        {
            throw new InvalidOperationException("a host id is renewed by one loop, after it was joined");
        }

        try
        {
            var renewal = new Renewal(this, new LookPlan(geometry, hostId, choice.Pick(8, "first turn that reads all host ids")));
            var lost = await renewal.RunAsync(stop);
            if (lost.Reason != LeaseLostReason.Stopped)
            {
                Deadline.Close();
                written = null;
                observer?.Lost(lost);
            }

            return lost;
        }
        finally
        {
            Volatile.Write(ref running, 0);
        }
    }

    /// <summary>Gives the host id back, so that nobody has to wait for it. Only after <see cref="RunAsync"/> returned and all users stopped.</summary>
    /// <remarks>R8: waits at most T for writes that are still out; when one remains the host id is left to expire instead.</remarks>
    /// <exception cref="InvalidOperationException">The renewal loop still runs.</exception>
    public async ValueTask<LeaveOutcome> LeaveAsync()
    {
        if (Volatile.Read(ref running) == 1)
        {
            throw new InvalidOperationException("stop the renewal loop before leaving: its next write would take the host id back");
        }

        // Closed first: whoever asks from now on is told no, so the count of writes can only fall.
        var (record, expiresAt) = (written, Deadline.ExpiresAt);
        Deadline.Close();
        written = null;
        if (record is null)
        {
            return new LeaveOutcome.LeftToExpire($"host id {hostId} is not held by us any more");
        }

        await io.WithinAsync(outstanding.WhenNone(), timing.IoTimeout);
        if (outstanding.Any)
        {
            return new LeaveOutcome.LeftToExpire($"host id {hostId}: a write has not returned within {timing.IoTimeout.TotalSeconds:0} s; "
                + "until it does nobody may take over");
        }

        if (clock.Now >= expiresAt)
        {
            return new LeaveOutcome.LeftToExpire($"host id {hostId} expired before it could be given back");
        }

        lastWrite = io.Write(geometry.HostIdOffset(hostId), Sector(record with { Timestamp = 0 }));
        return await lastWrite.WithinAsync(timing.IoTimeout) is { } failure
            ? new LeaveOutcome.LeftToExpire($"host id {hostId} could not be given back: {failure}")
            : new LeaveOutcome.Left();
    }

    /// <summary>R25: reads our own sector again: does it still name this life of ours?</summary>
    public async ValueTask<ConfirmOutcome> ConfirmAsync()
    {
        var life = Generation;
        var (error, record, failure) = await ReadHostAsync(hostId);
        var ours = error == RecordError.None && record is not null && life != 0 && record.Timestamp != 0
            && record.OwnerId == (ulong)hostId && record.OwnerGeneration == life && record.Resource.Means(hostName);
        return failure is not null ? ConfirmOutcome.Unknown
            : ours && Deadline.Holds() && Generation == life ? ConfirmOutcome.Ours
            : ConfirmOutcome.NotOurs;
    }

    /// <summary>One host id's sector, for judging an owner.</summary>
    internal async ValueTask<(RecordError Error, LeaderRecord? Record, string? IoError)> ReadHostAsync(int id)
    {
        var sector = new byte[geometry.SectorSize];
        var failure = await io.ReadAsync(geometry.HostIdOffset(id), sector, timing.IoTimeout);
        return failure is null
            ? (HostIdSector.Check(sector, geometry, lockspace, id, out var record), record, null)
            : (RecordError.None, null, failure);
    }

    private async ValueTask<(LeaderRecord? Record, JoinOutcome? Refusal)> ReadOwnAsync()
    {
        var (error, record, failure) = await ReadHostAsync(hostId);
        return failure is not null ? (null, new JoinOutcome.IoFailed($"joining host id {hostId}: {failure}"))
            : error != RecordError.None ? (null, new JoinOutcome.Refused(error, geometry.HostIdOffset(hostId),
                $"host id {hostId} in lockspace '{lockspace}': {error.Explain()}"))
            : (record, null);
    }

    private byte[] Sector(LeaderRecord record)
    {
        var sector = new byte[geometry.SectorSize];
        record.Format(sector);
        return sector;
    }
}
