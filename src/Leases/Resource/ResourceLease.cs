using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Resource;

/// <summary>One named lease (Disk Paxos), held exclusively under a host id. Its version is the pool's epoch.</summary>
/// <remarks>
/// It is not renewed: it lives as long as (host id, generation). <see cref="HeldVersion"/> is no permission to write,
/// <see cref="MayWrite"/> is. <see cref="AcquireAsync"/>, <see cref="ReleaseAsync"/> and <see cref="ConfirmAsync"/> run one at
/// a time; <see cref="PeekAsync"/> may run beside them.
/// </remarks>
public sealed partial class ResourceLease
{
    private readonly LeaseKeeper keeper;
    private readonly LeaseGeometry geometry;
    private readonly LeaseName resource;
    private readonly long offset;
    private readonly LeaseClock clock;
    private readonly IChoice choice;
    private readonly LeaseIo io;
    private PendingWrite? lastVote;
    private PendingWrite? lastLeader;
    private Holding? held;
    private int knownHosts;
    private ulong retracted;
    private int busy;

    /// <summary>What the last look was read into; null while a look is under way. There is one every second.</summary>
    private byte[]? peeked;

    /// <param name="area">Where the resource lies; may be another range than the lockspace's.</param>
    /// <param name="offsetBytes">Of the resource in it; a multiple of the geometry's area size.</param>
    /// <exception cref="ArgumentException">A name or the place does not fit, or the lockspace is not the keeper's.</exception>
    public ResourceLease(
        ILeaseArea area, long offsetBytes, LeaseGeometry geometry, string lockspace, string resource, LeaseKeeper keeper,
        TimeProvider bootClock, IChoice choice)
    {
        AreaFit.Check(area, offsetBytes, geometry);
        if (!keeper.Lockspace.Means(LeaseName.Of(lockspace)) || keeper.Geometry != geometry)
        {
            throw new ArgumentException($"resource '{resource}' of lockspace '{lockspace}' cannot be held under a host id of '{keeper.Lockspace}' "
                + "or of another geometry", nameof(lockspace));
        }

        (this.keeper, this.geometry, this.resource, offset, this.choice) = (keeper, geometry, LeaseName.Of(resource), offsetBytes, choice);
        (clock, io) = (new LeaseClock(bootClock), new LeaseIo(area, bootClock, keeper.Outstanding));
    }

    /// <summary>The version in which we own it; 0 when we do not. Lost together with the host id.</summary>
    public ulong HeldVersion =>
        Volatile.Read(ref held) is { IsGivenBack: false } now && now.Generation == keeper.Generation ? now.Leader.LeaseVersion : 0;

    /// <summary>The fence: may a write be issued now under the grant of <paramref name="leaseVersion"/>? Any thread, before every write.</summary>
    /// <param name="margin">How much of the deadline must be left.</param>
    public bool MayWrite(ulong leaseVersion, TimeSpan margin = default) =>

        // The deadline first: read the other way round, a join in between would lend its deadline to our former life.
        keeper.Deadline.Holds(margin) && leaseVersion != 0 && HeldVersion == leaseVersion;

    /// <summary>Takes the resource.</summary>
    /// <exception cref="OperationCanceledException">Stopped before we could have become owner, or after the proposal was taken back.</exception>
    /// <exception cref="InvalidOperationException">Another call on this lease is running.</exception>
    public async ValueTask<AcquireOutcome> AcquireAsync(AcquireOptions options, CancellationToken stop)
    {
        using var only = Enter();
        return await new Attempt(this, options, stop).RunAsync();
    }

    /// <summary>A cheap look: one read of two sectors, one more when the leader was written by somebody else than its owner.</summary>
    public async ValueTask<LeaderView> PeekAsync()
    {
        var head = Interlocked.Exchange(ref peeked, null) ?? new byte[2 * geometry.SectorSize];
        var failure = await io.ReadAsync(offset, head, keeper.Timing.IoTimeout);
        if (failure is not null)
        {
            return new LeaderView(RecordError.None, failure, 0, 0, 0, false, null);
        }

        var error = ResourceSector.Check(head.AsSpan(0, geometry.SectorSize), geometry, keeper.Lockspace, resource, out var leader);
        if (error != RecordError.None)
        {
            return new LeaderView(error, null, 0, 0, 0, false, null);
        }

        // Nobody clears a request: it is answered as soon as the lease has reached the version it wants.
        var asked = RequestRecord.TryParse(head.AsSpan(geometry.SectorSize), out var request) == RecordError.None
            && request.Mode != 0 && request.LeaseVersion > leader!.LeaseVersion;
        peeked = head;
        var free = leader!.Timestamp == 0;
        if (!free && leader.WriteId != leader.OwnerId)
        {
            (free, failure) = await IsReleasedByVoteAsync(leader);
        }

        return new LeaderView(RecordError.None, failure, (int)leader.OwnerId, leader.OwnerGeneration, leader.LeaseVersion, free, asked ? request : null);
    }

    /// <summary>Free without the leader saying so: a rival wrote the owner in, so the owner may only mark its own vote (fact 7).</summary>
    private async ValueTask<(bool Released, string? Failure)> IsReleasedByVoteAsync(LeaderRecord leader)
    {
        if (leader.OwnerId == 0 || leader.WriteId == leader.OwnerId)
        {
            return (false, null);
        }

        var sector = new byte[geometry.SectorSize];
        var failure = await io.ReadAsync(offset + geometry.VoteOffset((int)leader.OwnerId), sector, keeper.Timing.IoTimeout);
        var released = failure is null && BallotBlock.TryParse(sector, out var vote) == RecordError.None
            && vote.IsReleased && vote.LeaseVersion == leader.LeaseVersion;
        return (released, failure);
    }

    private async ValueTask<(RecordError Error, LeaderRecord? Leader, string? Failure)> ReadLeaderAsync()
    {
        var sector = new byte[geometry.SectorSize];
        var failure = await io.ReadAsync(offset, sector, keeper.Timing.IoTimeout);
        return failure is null
            ? (ResourceSector.Check(sector, geometry, keeper.Lockspace, resource, out var leader), leader, null)
            : (RecordError.None, null, failure);
    }

    private const string StillOut = "an earlier write of ours to the same sector has not returned and could undo this one";

    /// <returns>Null when it is durable. After a failure it may or may not have landed.</returns>
    private async ValueTask<string?> WriteVoteAsync(BallotBlock vote)
    {
        // We stopped waiting for it when the deadline of then was over; a renewal has moved that deadline since.
        if (lastVote is { HasReturned: false })
        {
            return StillOut;
        }

        var sector = new byte[geometry.SectorSize];
        vote.Format(sector);
        lastVote = io.Write(offset + geometry.VoteOffset(keeper.HostId), sector);
        return await ReturnedAsync(lastVote);
    }

    /// <summary>Marks our vote: whatever makes us owner of this version, others may take it as given back.</summary>
    private async ValueTask<string?> WriteReleasedAsync(BallotBlock vote)
    {
        retracted = Math.Max(retracted, vote.LeaseVersion);
        return await WriteVoteAsync(vote.Released());
    }

    private async ValueTask<string?> WriteLeaderAsync(LeaderRecord leader)
    {
        if (lastLeader is { HasReturned: false })
        {
            return StillOut;
        }

        var sector = new byte[geometry.SectorSize];
        leader.Format(sector);
        lastLeader = io.Write(offset, sector);
        return await ReturnedAsync(lastLeader);
    }

    /// <summary>Waits for a write as long as our lease lasts: writing the same sector again beside one that is out could be undone by it.</summary>
    private async ValueTask<string?> ReturnedAsync(PendingWrite write) => await write.WithinAsync(keeper.Deadline.Margin);

    /// <summary>A write of an earlier call to the same sectors must be back before anything is decided on them.</summary>
    private async ValueTask<string?> EarlierWritesAsync()
    {
        foreach (var write in new[] { lastVote, lastLeader })
        {
            if (write is { HasReturned: false } && await write.WithinAsync(keeper.Timing.IoTimeout) is { } failure && !write.HasReturned)
            {
                return failure;
            }
        }

        return null;
    }

    private ulong NowSeconds => LeaseClock.OnDisk(clock.Now, 0);

    private Gate Enter() => Interlocked.Exchange(ref busy, 1) == 0
        ? new Gate(this)
        : throw new InvalidOperationException("one call on a resource lease at a time: two ballots of one host id destroy each other");

    private readonly struct Gate(ResourceLease lease) : IDisposable
    {
        public void Dispose() => Volatile.Write(ref lease.busy, 0);
    }

    /// <param name="Leader">As it stands on disk by our knowledge.</param>
    /// <param name="Vote">Our vote as it stands on disk.</param>
    /// <param name="Generation">Of the host id under which it is held.</param>
    /// <param name="IsGivenBack">Giving it back has begun and may have got half-way: for rivals it may be free, so for us it is not ours.</param>
    private sealed record Holding(LeaderRecord Leader, BallotBlock Vote, ulong Generation, bool IsGivenBack = false);
}
