using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Resource;

public sealed partial class ResourceLease
{
    /// <summary>Gives the resource back, so that the next owner need not wait.</summary>
    /// <remarks>
    /// R8: the caller's own writes under the lease must have returned before. Leader first, vote second. With the vote marked first a rival
    /// that wrote us in once more makes the resource free, somebody takes it, and our leader write, if it is slow, lands on that grant.
    /// This way our leader write is back before anybody may take it; and if a rival writes us in after that, the mark says released.
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

        if (!StillUs(ours))
        {
            return Lost();
        }

        // From now on it is not ours, however far this try gets: for rivals it may be free.
        Volatile.Write(ref held, ours with { IsGivenBack = true });
        var (error, leader, readFailure) = await ReadLeaderAsync();
        if (readFailure is not null)
        {
            return IoFailed(readFailure);
        }

        if (ours.IsGivenBack && error == RecordError.None && leader!.LeaseVersion > ours.Leader.LeaseVersion && !NamesUs(leader, ours))
        {
            // An earlier try got as far as the leader, and somebody has taken it since.
            Volatile.Write(ref held, null);
            return new ReleaseOutcome.Released(ByVoteOnly: false);
        }

        if (error != RecordError.None && StillUs(ours) && await WriteReleasedAsync(ours.Vote) is { } markFailure)
        {
            // Nobody can take it under such a leader; whoever repairs it must not find an owner in our vote.
            return IoFailed(markFailure);
        }

        var stale = error == RecordError.None && leader!.LeaseVersion < ours.Leader.LeaseVersion;
        var stands = stale ? await OwnVoteStandsAsync(ours) : leader is not null && NamesUs(leader, ours);
        if (stands is null)
        {
            return IoFailed("our vote could not be read");
        }

        if (error != RecordError.None || leader is null || leader.LeaseVersion > ours.Leader.LeaseVersion || stands is false)
        {
            Volatile.Write(ref held, null);
            return new ReleaseOutcome.LeaderChanged($"the leader of '{resource}' is not the one we committed "
                + $"(version {ours.Leader.LeaseVersion}): {(leader is null ? error.Explain() : $"version {leader.LeaseVersion}, owner {leader.OwnerId}")}; it was left alone");
        }

        if (!StillUs(ours))
        {
            return Lost();
        }

        // A rival wrote us in and may be about to do so again; our marked vote is what counts then.
        var byVoteOnly = !stale && leader.WriteId != (ulong)keeper.HostId;

        // A lower version can only be a stalled write of an older grant; ours is the truth, and it goes back with it.
        if (!byVoteOnly && (stale || leader.Timestamp != 0)
            && await WriteLeaderAsync(Written(ours.Leader) with { Timestamp = 0, Flags = leader.Flags & ~LeaderFlags.ShortHold }) is { } leaderFailure)
        {
            return IoFailed(leaderFailure);
        }

        if (!StillUs(ours))
        {
            return Lost();
        }

        if (await WriteReleasedAsync(ours.Vote) is { } voteFailure)
        {
            return IoFailed(voteFailure);
        }

        Volatile.Write(ref held, null);
        return new ReleaseOutcome.Released(byVoteOnly);
    }

    /// <summary>Our vote still says that we hold it: then a leader in a lower version is an old one, and not that of a resource made anew.</summary>
    /// <returns>Null when it cannot be read.</returns>
    private async ValueTask<bool?> OwnVoteStandsAsync(Holding ours)
    {
        var sector = new byte[geometry.SectorSize];
        var failure = await io.ReadAsync(offset + geometry.VoteOffset(keeper.HostId), sector, keeper.Timing.IoTimeout);
        return failure is not null ? null : BallotBlock.TryParse(sector, out var vote) == RecordError.None && vote == ours.Vote;
    }

    /// <summary>Reads the leader again. R27: a lower version of ours under a valid deadline is put right.</summary>
    /// <remarks>
    /// Whoever decided or gave back an earlier grant, of us or of another host, and then stalled may write that leader over the present one.
    /// The votes still say who owns it, but others see it as free, or wait for the wrong owner, and count versions from the wrong number.
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

        if (error != RecordError.None || leader is null || leader.LeaseVersion > ours.Leader.LeaseVersion)
        {
            return ConfirmOutcome.NotOurs;
        }

        if (leader.LeaseVersion == ours.Leader.LeaseVersion)
        {
            return NamesUs(leader, ours) && leader.Timestamp != 0 && StillUs(ours) ? ConfirmOutcome.Ours : ConfirmOutcome.NotOurs;
        }

        switch (await OwnVoteStandsAsync(ours))
        {
            case null:
                return ConfirmOutcome.Unknown;
            case false:
                return ConfirmOutcome.NotOurs;
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

    /// <summary>R25: reads the leader and the host id's own sector again, both at once. Only while nobody takes or releases the lease.</summary>
    public async ValueTask<ConfirmOutcome> ConfirmWithHostIdAsync()
    {
        var reading = keeper.ConfirmAsync();
        var leader = await ConfirmAsync();
        var own = await reading;
        return own == ConfirmOutcome.NotOurs || leader == ConfirmOutcome.NotOurs ? ConfirmOutcome.NotOurs
            : own == ConfirmOutcome.Unknown ? ConfirmOutcome.Unknown
            : leader;
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

    private ReleaseOutcome.IoFailed IoFailed(string failure) =>
        new($"giving back '{resource}': {failure}; release again, or leave the host id to expire");

    private ReleaseOutcome.LostHostId Lost()
    {
        Volatile.Write(ref held, null);
        return new($"'{resource}' was not given back: our deadline passed, others wait until this host is provably dead");
    }
}
