using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Resource;

public sealed partial class ResourceLease
{
    /// <summary>Gives the resource back, so that the next owner need not wait.</summary>
    /// <remarks>
    /// R8: the caller's own writes under the lease must have returned before. Vote first, leader second: if a rival writes us in again
    /// after our leader write, the mark on our vote still says released.
    /// </remarks>
    /// <exception cref="InvalidOperationException">Another call on this lease is running.</exception>
    public async ValueTask<ReleaseOutcome> ReleaseAsync()
    {
        using var only = Enter();
        return await ReleaseInsideAsync();
    }

    private async ValueTask<ReleaseOutcome> ReleaseInsideAsync()
    {
        var ours = held;
        if (ours is null)
        {
            return new ReleaseOutcome.NotHeld();
        }

        if (await EarlierWritesAsync() is { } late)
        {
            return new ReleaseOutcome.WriteOutstanding(late);
        }

        Volatile.Write(ref held, null);
        if (!StillUs(ours))
        {
            return Lost();
        }

        if (await WriteVoteAsync(ours.Vote.Released()) is { } voteFailure)
        {
            return Retryable(ours, voteFailure);
        }

        var (error, leader, readFailure) = await ReadLeaderAsync();
        if (readFailure is not null)
        {
            return Retryable(ours, readFailure);
        }

        if (error == RecordError.None && leader!.LeaseVersion > ours.Leader.LeaseVersion)
        {
            // A rival had written us in, so our marked vote alone made it free, and somebody has taken it since.
            return new ReleaseOutcome.Released(ByVoteOnly: true);
        }

        if (error != RecordError.None || leader is null || !NamesUs(leader, ours))
        {
            return new ReleaseOutcome.LeaderChanged($"the leader of '{resource}' is not the one we committed "
                + $"(version {ours.Leader.LeaseVersion}): {(leader is null ? error.Explain() : $"version {leader.LeaseVersion}, owner {leader.OwnerId}")}; it was left alone");
        }

        if (leader.Timestamp == 0 && leader.LeaseVersion == ours.Leader.LeaseVersion)
        {
            // An earlier release of ours got this far, although it was told that it had failed.
            return new ReleaseOutcome.Released(ByVoteOnly: false);
        }

        if (leader.WriteId != (ulong)keeper.HostId && leader.LeaseVersion == ours.Leader.LeaseVersion)
        {
            // A rival wrote us in and may be about to do so again; our marked vote is what counts then.
            return new ReleaseOutcome.Released(ByVoteOnly: true);
        }

        if (!StillUs(ours))
        {
            return Lost();
        }

        // A lower version can only be a stalled rival's write of an older grant of ours; ours is the truth, and it goes back with it.
        return await WriteLeaderAsync(Written(ours.Leader) with { Timestamp = 0, Flags = leader.Flags & ~LeaderFlags.ShortHold }) is { } leaderFailure
            ? Retryable(ours, leaderFailure)
            : new ReleaseOutcome.Released(ByVoteOnly: false);
    }

    /// <summary>Reads the leader again. R27: a lower version of ours under a valid deadline is put right.</summary>
    /// <remarks>
    /// A rival that decided an earlier grant of ours and then stalled may write it back over the present one: nothing of it is wrong but
    /// the version, and the next version would then be counted from the wrong number.
    /// </remarks>
    /// <exception cref="InvalidOperationException">Another call on this lease is running.</exception>
    public async ValueTask<ConfirmOutcome> ConfirmAsync()
    {
        using var only = Enter();
        if (held is not { IsGivenBack: false } ours || !StillUs(ours))
        {
            return ConfirmOutcome.NotOurs;
        }

        var (error, leader, failure) = await ReadLeaderAsync();
        if (failure is not null)
        {
            return ConfirmOutcome.Unknown;
        }

        if (error != RecordError.None || leader is null || !NamesUs(leader, ours) || leader.Timestamp == 0 || leader.LeaseVersion > ours.Leader.LeaseVersion)
        {
            return ConfirmOutcome.NotOurs;
        }

        if (leader.LeaseVersion == ours.Leader.LeaseVersion)
        {
            return StillUs(ours) ? ConfirmOutcome.Ours : ConfirmOutcome.NotOurs;
        }

        if (await EarlierWritesAsync() is not null || !StillUs(ours))
        {
            return ConfirmOutcome.Unknown;
        }

        var restored = Written(ours.Leader);
        if (await WriteLeaderAsync(restored) is not null)
        {
            return ConfirmOutcome.Unknown;
        }

        Volatile.Write(ref held, ours with { Leader = restored });
        return StillUs(ours) ? ConfirmOutcome.Restored : ConfirmOutcome.NotOurs;
    }

    private LeaderRecord Written(LeaderRecord leader) => leader with
    {
        WriteId = (ulong)keeper.HostId,
        WriteGeneration = keeper.Generation,
        WriteTimestamp = NowSeconds,
    };

    private bool StillUs(Holding ours) => keeper.Deadline.Holds() && keeper.Generation == ours.Generation;

    private bool NamesUs(LeaderRecord leader, Holding ours) =>
        leader.OwnerId == (ulong)keeper.HostId && leader.OwnerGeneration == ours.Generation;

    private ReleaseOutcome.IoFailed Retryable(Holding ours, string failure)
    {
        Volatile.Write(ref held, ours with { IsGivenBack = true });
        return new ReleaseOutcome.IoFailed($"giving back '{resource}': {failure}; release again, or leave the host id to expire");
    }

    private ReleaseOutcome.LostHostId Lost() =>
        new($"'{resource}' was not given back: our deadline passed, others wait until this host is provably dead");
}
