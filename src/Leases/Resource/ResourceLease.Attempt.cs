using System.Buffers;
using OvirtSpm.Leases.Ballot;
using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Resource;

public sealed partial class ResourceLease
{
    /// <summary>One call of Acquire: does what <see cref="AcquireSteps"/> and <see cref="OwnerWatch"/> ask for.</summary>
    private sealed partial class Attempt(ResourceLease lease, AcquireOptions options, CancellationToken stop)
    {
        private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);
        private readonly LeaseKeeper keeper = lease.keeper;
        private readonly ulong generation = lease.keeper.Generation;
        private AcquireSteps steps;
        private OwnerWatch? watch;
        private int pauses;

        /// <summary>Why the vote that ended the latest ballot is not believed.</summary>
        private RecordError badVote;

        /// <summary>The leader named this life of ours when it was read last: an attempt that fails then leaves an owner behind.</summary>
        private bool mayOwn;

        public async ValueTask<AcquireOutcome> RunAsync()
        {
            if (await lease.EarlierWritesAsync() is { } late)
            {
                return new AcquireOutcome.IoFailed($"'{lease.resource}' cannot be taken while an earlier write of ours is out: {late}");
            }

            Begin();
            while (true)
            {
                // Read before every write below: a host that slept here must not go on with a ballot of its former life.
                if (!Alive())
                {
                    return Lost();
                }

                if (stop.IsCancellationRequested && steps.Phase is AcquirePhase.ReadAll or AcquirePhase.JudgeOwner or AcquirePhase.ReadLeader)
                {
                    return await RetractAsync() is { } ghost ? Unknown(ghost)
                        : mayOwn ? Unknown("stopped while the leader named us")
                        : throw new OperationCanceledException(stop);
                }

                var outcome = steps.Phase switch
                {
                    AcquirePhase.ReadAll => await ReadAllAsync(),
                    AcquirePhase.JudgeOwner => await JudgeOwnerAsync(),
                    AcquirePhase.ReadLeader => await ReadLeaderAsync(),
                    AcquirePhase.Ballot => await BallotAsync(),
                    AcquirePhase.WriteLeader => await WriteLeaderAsync(),
                    _ => await EndedAsync(),
                };
                if (outcome is not null)
                {
                    return outcome;
                }
            }
        }

        private void Begin()
        {
            (watch, pauses) = (null, 0);
            steps = AcquireSteps.Begin(new OwnerValue((ulong)keeper.HostId, generation, lease.NowSeconds), Math.Max(1, options.MaxBallots), lease.retracted);
        }

        // The deadline first: read the other way round, a join in between would lend its deadline to our former life.
        private bool Alive() => generation != 0 && keeper.Deadline.Holds() && keeper.Generation == generation;

        private async ValueTask<AcquireOutcome?> ReadAllAsync()
        {
            watch = null;
            var bytes = lease.knownHosts == 0 ? lease.geometry.AlignBytes : lease.geometry.BallotReadBytes(lease.knownHosts);
            var area = ArrayPool<byte>.Shared.Rent(bytes);
            if (await lease.io.ReadAsync(lease.offset, area.AsMemory(0, bytes), keeper.Timing.IoTimeout) is { } failure)
            {
                // Not given back: after a time-out the memory is the device's.
                return await FailedAsync(failure);
            }

            var outcome = await TakeInAsync(area, bytes);
            ArrayPool<byte>.Shared.Return(area);
            return outcome;
        }

        private async ValueTask<AcquireOutcome?> TakeInAsync(byte[] area, int bytes)
        {
            var error = ResourceSector.Check(area.AsSpan(0, lease.geometry.SectorSize), lease.geometry, keeper.Lockspace, lease.resource, out var leader);
            if (error == RecordError.None && leader!.NumHosts < (ulong)keeper.HostId)
            {
                error = RecordError.WrongHostCount;
            }

            if (error != RecordError.None)
            {
                return Refused(error, 0);
            }

            lease.knownHosts = (int)leader!.NumHosts;
            if (lease.geometry.BallotReadBytes(lease.knownHosts) > bytes)
            {
                return null;
            }

            var (highest, ownVote) = (0UL, default(BallotBlock));
            sharers.Clear();
            for (var host = 1; host <= lease.knownHosts; host++)
            {
                var at = lease.geometry.VoteOffset(host);
                var sector = area.AsSpan((int)at, lease.geometry.SectorSize);
                error = BallotBlock.TryParse(sector, out var vote);
                if (error != RecordError.None)
                {
                    // R29: before the first ballot, too.
                    return await RefusedAfterRetractAsync(error, at);
                }

                NoteSharer(host, sector);
                highest = Math.Max(highest, vote.Promised);
                ownVote = host == keeper.HostId ? vote : ownVote;
            }

            steps = steps.ReadAll(leader, highest, ownVote, options.MinimumVersion);
            mayOwn = leader.Timestamp != 0 && leader.OwnerId == (ulong)keeper.HostId && leader.OwnerGeneration == generation;
            return steps.Phase == AcquirePhase.Ballot ? await AwaitSharersAsync() : null;
        }

        private async ValueTask<AcquireOutcome?> JudgeOwnerAsync()
        {
            var leader = steps.Leader!;
            var owner = (int)leader.OwnerId;
            watch ??= Watch(owner, leader.OwnerGeneration);
            var askedAt = lease.clock.Now;
            var (error, record, failure) = await keeper.ReadHostAsync(owner);
            if (failure is not null)
            {
                return await FailedAsync(failure);
            }

            if (error != RecordError.None || record is null)
            {
                // Whatever cannot be known means "alive". Another host id in this sector, too: nobody ever writes it there, so a write
                // went astray, and the owner it covered may live.
                return await OwnedAsync(new AcquireOutcome.Refused(error, lease.geometry.HostIdOffset(owner),
                    $"'{lease.resource}' is owned by host id {owner}, whose sector in the lockspace cannot be judged: {error.Explain()}"));
            }

            if (watch.IsGone(record, askedAt, lease.clock.Now) || (await lease.IsReleasedByVoteAsync(leader)).Released)
            {
                steps = steps.OwnerIsGone(lease.NowSeconds);
                return await AwaitSharersAsync();
            }

            var alive = watch.SeenAlive && !watch.IsOverdue;
            if (alive && !options.WaitForLiveOwner)
            {
                return await OwnedAsync(new AcquireOutcome.OwnedByLiveHost(owner, leader.OwnerGeneration, record.Resource.ToString()));
            }

            if (!alive && !options.WaitForDeadOwner && !options.WaitForLiveOwner)
            {
                return await OwnedAsync(new AcquireOutcome.OwnerMayLive(owner, leader.OwnerGeneration, record.Resource.ToString(), watch.Remaining));
            }

            await PauseAsync(watch.Remaining < Poll ? watch.Remaining : Poll);
            var (leaderError, now, readFailure) = await lease.ReadLeaderAsync();
            if (readFailure is null && (leaderError != RecordError.None || now != leader))
            {
                steps = steps.LeaderChanged();
            }

            return readFailure is null ? null : await FailedAsync(readFailure);
        }

        private async ValueTask<AcquireOutcome?> ReadLeaderAsync()
        {
            // Rivals in step would go on outvoting each other: a random pause, longer each time, up to sanlock's one second.
            var longest = Math.Min(1000, 125 << Math.Min(pauses++, 3));
            await PauseAsync(TimeSpan.FromMilliseconds(lease.choice.Pick(longest, "pause before the next ballot, ms")));
            if (!Alive())
            {
                return Lost();
            }

            var (error, now, failure) = await lease.ReadLeaderAsync();
            if (failure is not null)
            {
                return await FailedAsync(failure);
            }

            if (error != RecordError.None)
            {
                return await RefusedAfterRetractAsync(error, 0);
            }

            steps = steps.ReadLeader(now!);
            return null;
        }

        private async ValueTask<AcquireOutcome?> BallotAsync()
        {
            if (steps.Round.Phase is BallotPhase.WritePromise or BallotPhase.WriteAccept)
            {
                // The vote that an earlier grant would be given back with is overwritten here: from now on this attempt alone has the answer.
                Volatile.Write(ref lease.held, null);
                if (await lease.WriteVoteAsync(steps.Round.VoteToWrite) is { } writeFailure)
                {
                    return await FailedAsync(writeFailure);
                }

                steps = steps.VoteWritten();
                return null;
            }

            var bytes = lease.geometry.BallotReadBytes(steps.Round.NumHosts);
            var area = ArrayPool<byte>.Shared.Rent(bytes);
            if (await lease.io.ReadAsync(lease.offset, area.AsMemory(0, bytes), keeper.Timing.IoTimeout) is { } failure)
            {
                return await FailedAsync(failure);
            }

            // Of the latest scan only: a host that gave its share back meanwhile is in nobody's way.
            sharers.Clear();
            var scanning = steps.Round.Phase;
            while (steps.Phase == AcquirePhase.Ballot && steps.Round.Phase == scanning)
            {
                var host = steps.Round.NextHost;
                var sector = area.AsSpan((int)lease.geometry.VoteOffset(host), lease.geometry.SectorSize);
                badVote = BallotBlock.TryParse(sector, host, lease.geometry.MaxHosts, out var vote);

                // R29: one that landed in the wrong place covers another, which may have been decisive. Of older versions nothing is.
                if (badVote == RecordError.Misplaced && (host == keeper.HostId || vote.LeaseVersion < steps.Round.Version))
                {
                    badVote = RecordError.None;
                }

                steps = badVote == RecordError.None ? steps.Saw(vote) : steps.SawUnreadable();
                NoteSharer(host, sector);
            }

            ArrayPool<byte>.Shared.Return(area);
            return null;
        }

        private async ValueTask<AcquireOutcome?> WriteLeaderAsync()
        {
            var leader = steps.LeaderToWrite(lease.NowSeconds);
            if (await lease.WriteLeaderAsync(leader) is { } failure)
            {
                return await FailedAsync(failure);
            }

            steps = steps.LeaderWritten(leader);
            return null;
        }
    }
}
