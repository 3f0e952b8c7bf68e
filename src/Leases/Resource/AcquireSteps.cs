using OvirtSpm.Leases.Ballot;
using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Resource;

/// <summary>Taking a resource exclusively, as steps without I/O or time: leader, owner, ballots, leader.</summary>
/// <remarks>
/// The leader record says who owns the resource in which version; a ballot decides the next version; whoever learns the decision may
/// write it into the leader, also for another host. Source: sanlock 3.8.5, paxos_lease.c; ballot numbers measured.
/// </remarks>
public readonly record struct AcquireSteps
{
    public OwnerValue Self { get; private init; }

    public AcquirePhase Phase { get; private init; }

    public AcquireEnd End { get; private init; }

    /// <summary>As read last; at the end what we know to stand on disk.</summary>
    public LeaderRecord? Leader { get; private init; }

    public BallotRound Round { get; private init; }

    public int BallotsLeft { get; private init; }

    /// <summary>A vote of ours proposes an owner: from now on rivals may make it the owner without us.</summary>
    public bool ProposalIsOut { get; private init; }

    /// <summary>The vote of ours that stands on disk, as far as we wrote one.</summary>
    public BallotBlock OwnVote { get; private init; }

    /// <summary>The highest version for which a vote of ours has said released: from then on it may be free for somebody who has read that.</summary>
    /// <remarks>
    /// <code>
    /// host 1                                       host 2
    ///   proposes itself for 6, is outvoted
    ///                                                adopts host 1's proposal, writes host 1 as owner of 6
    ///   takes it back: its vote says released        reads that: 6 is free, so it votes on 7
    ///   tries again, finds itself owner of 6         decides 7: both own it
    /// </code>
    /// So a version up to this one is no grant, whoever wrote it; it is the step to the next, which is voted on by all.
    /// </remarks>
    public ulong Retracted { get; private init; }

    private ulong Version { get; init; }

    private ulong Number { get; init; }

    /// <param name="self">Our host id and generation; its timestamp is that of the proposal.</param>
    public static AcquireSteps Begin(OwnerValue self, int ballots, ulong retracted = 0) =>
        new() { Self = self, BallotsLeft = ballots, Retracted = retracted, Phase = AcquirePhase.ReadAll };

    /// <param name="highestPromise">Over all votes, of whatever version.</param>
    /// <param name="ownVote">As it stands on disk.</param>
    /// <param name="minimumVersion">Only heeded while we are the owner: then nobody else may commit, and a version may be skipped.</param>
    public AcquireSteps ReadAll(LeaderRecord leader, ulong highestPromise, BallotBlock ownVote, ulong minimumVersion = 0)
    {
        var ownedByUs = leader.Timestamp != 0 && leader.OwnerId == Self.HostId && leader.OwnerGeneration == Self.Generation;

        // R22. A release that got no further than our vote may already have let a rival vote on the next version. Skipping it, neither of
        // us would take the other's votes for its own ballot, and each would commit itself. So skip only under a vote that still holds.
        var maySkip = ownedByUs && leader.LeaseVersion > Retracted && ownVote.LeaseVersion == leader.LeaseVersion && !ownVote.IsReleased;
        var next = leader.LeaseVersion + 1;
        var read = this with
        {
            Leader = leader,
            Version = maySkip ? Math.Max(next, minimumVersion + 1) : next,
            Number = FirstNumber(highestPromise, Self.HostId, leader.MaxHosts),
        };
        var earlierLife = leader.OwnerId == Self.HostId && leader.OwnerGeneration < Self.Generation;
        return leader.Timestamp == 0 || ownedByUs || earlierLife ? read.StartBallot() : read with { Phase = AcquirePhase.JudgeOwner };
    }

    /// <summary>The owner released, is dead, or lives a later life.</summary>
    /// <param name="nowSeconds">Our clock; waiting may have taken minutes.</param>
    public AcquireSteps OwnerIsGone(ulong nowSeconds) => (this with { Self = Self with { Timestamp = nowSeconds } }).StartBallot();

    /// <summary>While we looked at the owner the leader changed.</summary>
    public AcquireSteps LeaderChanged() => this with { Phase = AcquirePhase.ReadAll };

    public AcquireSteps ReadLeader(LeaderRecord now)
    {
        if (now == Leader)
        {
            return StartBallot();
        }

        if (now.LeaseVersion != Version || now.Timestamp == 0)
        {
            return this with { Phase = AcquirePhase.ReadAll };
        }

        // Somebody learned the decision of our ballot and committed it for us, or committed another owner.
        return this with { Leader = now, Phase = AcquirePhase.Ended, End = IsSelf(now.OwnerId, now.OwnerGeneration) ? AcquireEnd.Ours : AcquireEnd.OwnedByOther };
    }

    public AcquireSteps VoteWritten() => Advance(Round.Written()) with
    {
        OwnVote = Round.VoteToWrite,
        ProposalIsOut = ProposalIsOut || Round.Phase == BallotPhase.WriteAccept,
    };

    public AcquireSteps Saw(BallotBlock vote) => Advance(Round.Saw(vote));

    public AcquireSteps SawUnreadable() => Advance(Round.SawUnreadable());

    /// <summary>A read or write failed: what is out stays out. Try again with the next number, when a ballot is left.</summary>
    public AcquireSteps Failed() => Retry(AcquireEnd.Outvoted) with
    {
        // A failed write may have landed: then the proposal is out although nobody told us.
        ProposalIsOut = ProposalIsOut || (Phase == AcquirePhase.Ballot && Round.Phase == BallotPhase.WriteAccept),
    };

    /// <summary>The leader that commits the decision. Unknown flags and fields stay as they were read.</summary>
    /// <param name="nowSeconds">Our clock, for write_timestamp.</param>
    public LeaderRecord LeaderToWrite(ulong nowSeconds) => Leader! with
    {
        LeaseVersion = Version,
        OwnerId = Round.Value.HostId,
        OwnerGeneration = Round.Value.Generation,
        Timestamp = Round.Value.Timestamp,
        Flags = IsSelf(Round.Value.HostId, Round.Value.Generation) ? Leader!.Flags & ~LeaderFlags.ShortHold : Leader!.Flags,
        WriteId = Self.HostId,
        WriteGeneration = Self.Generation,
        WriteTimestamp = nowSeconds,
    };

    public AcquireSteps LeaderWritten(LeaderRecord written) => this with
    {
        Leader = written,
        Phase = AcquirePhase.Ended,
        End = IsSelf(written.OwnerId, written.OwnerGeneration) ? AcquireEnd.Ours : AcquireEnd.OwnedByOther,
    };

    /// <summary>Numbers of one host are congruent to its id modulo max_hosts, so no two hosts ever use the same one.</summary>
    public static ulong FirstNumber(ulong highestPromise, ulong hostId, ulong maxHosts) =>
        highestPromise == 0 ? hostId : highestPromise - highestPromise % maxHosts + maxHosts + hostId;

    /// <summary>An ended attempt without what led to it: equal for all attempts that ended alike.</summary>
    internal AcquireSteps Remains => new() { Self = Self, Phase = Phase, End = End, ProposalIsOut = ProposalIsOut, OwnVote = OwnVote };

    private bool IsSelf(ulong hostId, ulong generation) => hostId == Self.HostId && generation == Self.Generation;

    private AcquireSteps StartBallot() => this with
    {
        Phase = AcquirePhase.Ballot,
        Round = BallotRound.Start((int)Self.HostId, (int)Leader!.NumHosts, Version, Number, Self, Version <= Retracted),
    };

    private AcquireSteps Advance(BallotRound round) => round switch
    {
        { Phase: BallotPhase.Decided } => this with { Round = round, Phase = AcquirePhase.WriteLeader },
        { Phase: BallotPhase.GivenUp, End: BallotEnd.UnreadableVote } => this with { Round = round, Phase = AcquirePhase.Ended, End = AcquireEnd.UnreadableVote },
        { Phase: BallotPhase.GivenUp, End: BallotEnd.OwnVoteChanged } => this with { Round = round, Phase = AcquirePhase.Ended, End = AcquireEnd.OwnVoteChanged },
        { Phase: BallotPhase.GivenUp } => (this with { Round = round }).Retry(AcquireEnd.Outvoted),
        _ => this with { Round = round },
    };

    private AcquireSteps Retry(AcquireEnd whenNoneLeft) => BallotsLeft <= 1
        ? this with { BallotsLeft = 0, Phase = AcquirePhase.Ended, End = whenNoneLeft }
        : this with
        {
            BallotsLeft = BallotsLeft - 1,
            Number = Math.Max(Number + Leader!.MaxHosts, FirstNumber(Round.RivalNumber, Self.HostId, Leader.MaxHosts)),
            Phase = AcquirePhase.ReadLeader,
        };
}
