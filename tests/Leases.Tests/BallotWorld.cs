using OvirtSpm.Leases.Ballot;
using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.Leases.Tests;

/// <summary>One state of a few hosts taking one resource at once, and everything that may happen next.</summary>
/// <remarks>
/// The hosts are the production <see cref="AcquireSteps"/>. Every read of one vote and every write is a step of its own, so a scan is no
/// snapshot. A host that simply never moves again (a crash) is part of every exploration, since all prefixes are checked.
/// </remarks>
internal sealed class BallotWorld : IEquatable<BallotWorld>
{
    private readonly LeaderRecord leader;
    private readonly BallotBlock[] votes;
    private readonly AcquireSteps[] hosts;
    private readonly string decided;
    private readonly int faultsLeft;
    private readonly int restartsLeft;
    private readonly Rules rules;

    /// <param name="UnreadableVotes">How many reads of a vote may fail their checksum.</param>
    /// <param name="FailedWrites">How many writes may be reported failed, landed or not.</param>
    /// <param name="Restarts">How many hosts may lose their memory and come back in a new generation.</param>
    /// <param name="TreatUnreadableAsEmpty">The mutant that must be caught.</param>
    internal sealed record Rules(int UnreadableVotes = 0, int FailedWrites = 0, int Restarts = 0, bool TreatUnreadableAsEmpty = false);

    private BallotWorld(LeaderRecord leader, BallotBlock[] votes, AcquireSteps[] hosts, string decided, int faultsLeft, int restartsLeft, Rules rules) =>
        (this.leader, this.votes, this.hosts, this.decided, this.faultsLeft, this.restartsLeft, this.rules) =
        (leader, votes, hosts, decided, faultsLeft, restartsLeft, rules);

    /// <param name="together">All hosts have read the fresh resource already; otherwise each reads it at its own moment.</param>
    public static BallotWorld Start(int hosts, int ballots, Rules rules, bool together)
    {
        var fresh = new LeaderRecord { Kind = LeaderKind.Resource, Version = LeaderRecord.ResourceVersion, NumHosts = (ulong)hosts, MaxHosts = (ulong)hosts };
        var all = Enumerable.Range(1, hosts).Select(h => AcquireSteps.Begin(new OwnerValue((ulong)h, 1, 100), ballots));
        return new(fresh, new BallotBlock[hosts], [.. together ? all.Select(h => h.ReadAll(fresh, 0, default)) : all], "",
            rules.UnreadableVotes + rules.FailedWrites, rules.Restarts, rules);
    }

    /// <summary>Null while all is well: one owner per version, and at most one host that believes it is the owner.</summary>
    public string? Broken { get; private init; }

    public IEnumerable<BallotWorld> Next()
    {
        for (var h = 0; h < hosts.Length; h++)
        {
            foreach (var next in NextOf(h))
            {
                yield return next;
            }

            if (restartsLeft > 0 && hosts[h].Phase != AcquirePhase.ReadAll)
            {
                var self = hosts[h].Self;
                yield return With(h, AcquireSteps.Begin(self with { Generation = self.Generation + 1 }, 1), restartsLeft: restartsLeft - 1);
            }
        }
    }

    private IEnumerable<BallotWorld> NextOf(int h)
    {
        var host = hosts[h];
        switch (host.Phase)
        {
            case AcquirePhase.ReadAll:
                yield return With(h, host.ReadAll(leader, votes.Max(v => v.Promised), votes[h]));
                break;
            case AcquirePhase.JudgeOwner when hosts[(int)host.Leader!.OwnerId - 1].Self.Generation > host.Leader.OwnerGeneration:
                yield return With(h, host.OwnerIsGone(100));
                break;
            case AcquirePhase.JudgeOwner:
                break;
            case AcquirePhase.ReadLeader:
                yield return With(h, host.ReadLeader(leader));
                break;
            case AcquirePhase.Ballot when host.Round.Phase is BallotPhase.WritePromise or BallotPhase.WriteAccept:
                yield return With(h, host.VoteWritten(), vote: host.Round.VoteToWrite);
                if (faultsLeft > 0 && rules.FailedWrites > 0)
                {
                    yield return With(h, host.Failed(), faultsLeft: faultsLeft - 1);
                    yield return With(h, host.Failed(), vote: host.Round.VoteToWrite, faultsLeft: faultsLeft - 1);
                }

                break;
            case AcquirePhase.Ballot:
                yield return With(h, host.Saw(votes[host.Round.NextHost - 1]));
                if (faultsLeft > 0 && rules.UnreadableVotes > 0 && host.Round.NextHost != h + 1)
                {
                    yield return With(h, rules.TreatUnreadableAsEmpty ? host.Saw(default) : host.SawUnreadable(), faultsLeft: faultsLeft - 1);
                }

                break;
            case AcquirePhase.WriteLeader:
                var record = host.LeaderToWrite(0);
                yield return Committed(h, host.LeaderWritten(record), record, faultsLeft);
                if (faultsLeft > 0 && rules.FailedWrites > 0)
                {
                    yield return With(h, host.Failed(), faultsLeft: faultsLeft - 1);
                    yield return Committed(h, host.Failed(), record, faultsLeft - 1);
                }

                break;
            case AcquirePhase.Ended when host is { ProposalIsOut: true, End: AcquireEnd.Outvoted or AcquireEnd.UnreadableVote } && !votes[h].IsReleased:
                // The proposal is taken back, as the loop around the steps does it.
                yield return With(h, host, vote: host.OwnVote.Released());
                break;
        }
    }

    private BallotWorld Committed(int h, AcquireSteps host, LeaderRecord record, int faults)
    {
        var entry = $"{record.LeaseVersion}:{record.OwnerId}.{record.OwnerGeneration} ";
        var other = decided.Split(' ').FirstOrDefault(d => d.StartsWith($"{record.LeaseVersion}:", StringComparison.Ordinal) && d + " " != entry);
        return With(h, host, newLeader: record, faultsLeft: faults, newDecided: decided.Contains(entry, StringComparison.Ordinal) ? decided : decided + entry,
            broken: other is null ? null : $"{other} and {entry}");
    }

    private BallotWorld With(int h, AcquireSteps host, BallotBlock? vote = null, LeaderRecord? newLeader = null, int? faultsLeft = null,
        int? restartsLeft = null, string? newDecided = null, string? broken = null)
    {
        if (host.Phase == AcquirePhase.Ballot && host.Round.Phase is BallotPhase.ScanPromises or BallotPhase.ScanAccepts && host.Round.NextHost == h + 1)
        {
            // Nobody else writes this vote: reading it is no step of its own.
            host = host.Saw(vote ?? votes[h]);
        }

        var newHosts = (AcquireSteps[])hosts.Clone();
        newHosts[h] = host;
        var newVotes = votes;
        if (vote is { } written)
        {
            newVotes = (BallotBlock[])votes.Clone();
            newVotes[h] = written;
        }

        var believers = newHosts.Count(x => x is { Phase: AcquirePhase.Ended, End: AcquireEnd.Ours });
        return new BallotWorld(newLeader ?? leader, newVotes, newHosts, newDecided ?? decided, faultsLeft ?? this.faultsLeft, restartsLeft ?? this.restartsLeft, rules)
        {
            Broken = broken ?? (believers > 1 ? $"{believers} hosts believe they own it" : null),
        };
    }

    public bool Equals(BallotWorld? other)
    {
        if (other is null || faultsLeft != other.faultsLeft || restartsLeft != other.restartsLeft || decided != other.decided
            || leader != other.leader || !votes.AsSpan().SequenceEqual(other.votes))
        {
            return false;
        }

        for (var h = 0; h < hosts.Length; h++)
        {
            if (Key(hosts[h]) != Key(other.hosts[h]))
            {
                return false;
            }
        }

        return true;
    }

    public override bool Equals(object? obj) => Equals(obj as BallotWorld);

    public override int GetHashCode()
    {
        HashCode hash = default;
        hash.Add(((int)leader.LeaseVersion * 31) + (int)leader.OwnerId + (faultsLeft * 64) + (restartsLeft * 1024));
        foreach (var vote in votes)
        {
            hash.Add(vote.Promised + (vote.Accepted << 8) + (vote.Value.HostId << 16) + (vote.LeaseVersion << 24) + ((ulong)vote.Flags << 32));
        }

        foreach (var host in hosts)
        {
            var round = host.Round;
            hash.Add((ulong)host.Phase + ((ulong)host.End << 4) + ((ulong)host.BallotsLeft << 8) + ((ulong)round.Phase << 12)
                + ((ulong)round.NextHost << 16) + (round.Number << 20) + (round.Value.HostId << 28) + (host.Self.Generation << 36));
        }

        return hash.ToHashCode();
    }

    /// <summary>What can still matter of a host: one that ended does nothing but take its proposal back.</summary>
    private static AcquireSteps Key(AcquireSteps host) => host.Phase != AcquirePhase.Ended ? host : host.Remains;
}
