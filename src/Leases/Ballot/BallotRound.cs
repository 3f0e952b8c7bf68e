using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Ballot;

/// <summary>One Disk Paxos ballot of one host, as steps without I/O: who owns the resource in this lease version?</summary>
/// <remarks>
/// Votes are taken in one by one, so that a scan need not be a snapshot: each sector is read at its own moment.
/// <code>
/// host 1                                       host 2
///   promises 5, accepts its value, sleeps
///                                                promises 9, reads host 1's value, adopts it, decides it
///   wakes, reads 9 > 5, gives up                 ← the agreed owner is host 1, which must find that out from the leader record
/// </code>
/// Source: Gafni and Lamport, Disk Paxos; record use as in sanlock 3.8.5, paxos_lease.c. Every interleaving of two and three hosts is
/// tried by the tests on this very type.
/// </remarks>
public readonly record struct BallotRound
{
    public int HostId { get; private init; }

    public int NumHosts { get; private init; }

    /// <summary>The lease version that is voted on.</summary>
    public ulong Version { get; private init; }

    /// <summary>Unique to this host: congruent to its host id modulo max_hosts.</summary>
    public ulong Number { get; private init; }

    public BallotPhase Phase { get; private init; }

    public BallotEnd End { get; private init; }

    /// <summary>What we propose; from <see cref="BallotPhase.WriteAccept"/> on perhaps somebody else's.</summary>
    public OwnerValue Value { get; private init; }

    /// <summary>Whose vote the scan takes in next.</summary>
    public int NextHost { get; private init; }

    /// <summary>Whose vote could not be believed, when <see cref="End"/> says so.</summary>
    public int BadHost { get; private init; }

    /// <summary>The larger number that ended it, when <see cref="End"/> says so.</summary>
    public ulong RivalNumber { get; private init; }

    private ulong HighestAccepted { get; init; }

    private uint Flags { get; init; }

    /// <param name="isRetracted">We took a proposal for this version back: our votes on it go on saying released.</param>
    public static BallotRound Start(int hostId, int numHosts, ulong version, ulong number, OwnerValue own, bool isRetracted = false) => new()
    {
        Flags = isRetracted ? BallotBlock.ReleasedFlag : 0,
        HostId = hostId,
        NumHosts = numHosts,
        Version = version,
        Number = number,
        Value = own,
        Phase = BallotPhase.WritePromise,
    };

    /// <summary>The vote to write now; afterwards the one that stands on disk.</summary>
    public BallotBlock VoteToWrite => Phase is BallotPhase.WritePromise or BallotPhase.ScanPromises
        ? new BallotBlock(Number, 0, default, Version, Flags)
        : new BallotBlock(Number, Number, Value, Version, Flags);

    public BallotRound Written() => Phase switch
    {
        BallotPhase.WritePromise => this with { Phase = BallotPhase.ScanPromises, NextHost = 1 },
        BallotPhase.WriteAccept => this with { Phase = BallotPhase.ScanAccepts, NextHost = 1 },
        _ => throw new InvalidOperationException($"a ballot in phase {Phase} writes nothing"),
    };

    /// <summary>Takes in the vote of <see cref="NextHost"/>.</summary>
    public BallotRound Saw(BallotBlock vote)
    {
        if (Phase is not (BallotPhase.ScanPromises or BallotPhase.ScanAccepts))
        {
            throw new InvalidOperationException($"a ballot in phase {Phase} reads no votes");
        }

        if (NextHost == HostId)
        {
            // Ballots of one host id from two processes destroy each other; better to stop at the first sign.
            return vote == VoteToWrite ? Next(this) : GiveUp(BallotEnd.OwnVoteChanged);
        }

        if (vote.LeaseVersion != Version)
        {
            return vote.LeaseVersion > Version ? GiveUp(BallotEnd.LargerVersion) : Next(this);
        }

        if (vote.Promised > Number)
        {
            return GiveUp(BallotEnd.LargerNumber) with { RivalNumber = vote.Promised };
        }

        // A value that was accepted may have been decided already: it must be carried on, even if it makes somebody else the owner.
        var carryOn = Phase == BallotPhase.ScanPromises && !vote.Value.IsNone && vote.Accepted > HighestAccepted;
        return Next(carryOn ? this with { Value = vote.Value, HighestAccepted = vote.Accepted } : this);
    }

    /// <summary>The vote of <see cref="NextHost"/> cannot be believed.</summary>
    /// <remarks>R29: ends the ballot. Read as "never voted" it could hide a decided owner, and two hosts would commit different ones.</remarks>
    public BallotRound SawUnreadable() => GiveUp(BallotEnd.UnreadableVote);

    private BallotRound GiveUp(BallotEnd end) => this with { Phase = BallotPhase.GivenUp, End = end, BadHost = NextHost };

    private static BallotRound Next(BallotRound round) => round.NextHost < round.NumHosts
        ? round with { NextHost = round.NextHost + 1 }
        : round.Phase == BallotPhase.ScanPromises
            ? round with { Phase = BallotPhase.WriteAccept, NextHost = 0 }
            : round with { Phase = BallotPhase.Decided, NextHost = 0 };
}
