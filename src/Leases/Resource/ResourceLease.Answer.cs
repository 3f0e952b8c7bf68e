using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Resource;

public sealed partial class ResourceLease
{
    /// <summary>How an attempt ends: with a grant that holds, or with nothing of ours left behind.</summary>
    private sealed partial class Attempt
    {
        private async ValueTask<AcquireOutcome?> EndedAsync()
        {
            switch (steps.End)
            {
                case AcquireEnd.Ours:
                    return await GrantAsync();
                case AcquireEnd.OwnedByOther when options.WaitForDeadOwner || options.WaitForLiveOwner:
                    Begin();
                    return null;
                case AcquireEnd.OwnedByOther:
                    var owner = (int)steps.Leader!.OwnerId;
                    return new AcquireOutcome.OwnedByLiveHost(owner, steps.Leader.OwnerGeneration, keeper.Hosts.Find(owner)?.Name);
                case AcquireEnd.UnreadableVote:
                    return await RefusedAfterRetractAsync(badVote, lease.geometry.VoteOffset(steps.Round.BadHost));
                case AcquireEnd.OwnVoteChanged:
                    return Refused(RecordError.WrongOwner, lease.geometry.VoteOffset(keeper.HostId));
                default:
                    return await RetractAsync() is { } failure ? Unknown(failure)
                        : mayOwn ? Unknown("rivals outvoted us while the leader named us")
                        : new AcquireOutcome.Contended($"rivals outvoted us {options.MaxBallots} times for '{lease.resource}'; try again");
            }
        }

        private async ValueTask<AcquireOutcome?> GrantAsync()
        {
            // R1: the deadline is read after the last leader read or write; what came back too late grants nothing.
            if (!Alive())
            {
                return Lost();
            }

            var mine = new Holding(steps.Leader!, steps.OwnVote, generation);
            var (sharing, failure) = sharers.Count == 0 ? (null, null) : await JudgeSharersAsync();
            if (sharing is not null || failure is not null)
            {
                // Never granted, so it goes back as something that is being given back.
                Volatile.Write(ref lease.held, mine with { IsGivenBack = true });
                if (await lease.ReleaseInsideAsync() is not ReleaseOutcome.Released)
                {
                    return Unknown("it is held shared, and our own hold could not be given back");
                }

                Begin();
                mayOwn = false;
                return failure is not null ? new AcquireOutcome.IoFailed($"taking '{lease.resource}': {failure}") : await SharedAsync(sharing!);
            }

            if (!Alive())
            {
                return Lost();
            }

            if (mine.Leader.LeaseVersion > Math.Max(options.MinimumVersion, lease.retracted))
            {
                Volatile.Write(ref lease.held, mine);
                return new AcquireOutcome.Acquired(mine.Leader.LeaseVersion);
            }

            // R22: owned, but in a version that was used before, or that we took back once. Only an owner may skip versions, so take it once more as its owner.
            Begin();
            mayOwn = true;
            return null;
        }

        /// <summary>An I/O failed or took too long.</summary>
        private async ValueTask<AcquireOutcome?> FailedAsync(string failure)
        {
            if (!Alive())
            {
                return Lost();
            }

            var judging = steps.Phase is AcquirePhase.ReadAll or AcquirePhase.JudgeOwner;
            var after = judging ? steps : steps.Failed();
            if (!after.ProposalIsOut)
            {
                return mayOwn ? Unknown(failure) : new AcquireOutcome.IoFailed($"taking '{lease.resource}': {failure}");
            }

            // Our proposal is on the disk: rivals may make us owner without telling us. Only the leader or another ballot has the answer.
            if (judging || after.Phase == AcquirePhase.Ended)
            {
                return Unknown(failure);
            }

            steps = after;
            return null;
        }

        private async ValueTask PauseAsync(TimeSpan time)
        {
            try
            {
                await lease.clock.WaitAsync(time, stop);
            }
            catch (OperationCanceledException)
            {
                // The loop looks at the token where nothing of ours is half done.
            }
        }

        /// <summary>Takes a proposal back that a rival might still commit: its vote then says "released", so that nobody waits for a ghost.</summary>
        private async ValueTask<string?> RetractAsync()
        {
            if (!steps.ProposalIsOut)
            {
                return null;
            }

            return Alive() ? await lease.WriteReleasedAsync(steps.OwnVote) : "our deadline passed";
        }

        private async ValueTask<AcquireOutcome> OwnedAsync(AcquireOutcome outcome) => await RetractAsync() is { } failure ? Unknown(failure) : outcome;

        private async ValueTask<AcquireOutcome> RefusedAfterRetractAsync(RecordError error, long offset) =>
            await RetractAsync() is { } failure ? Unknown(failure) : Refused(error, offset);

        private AcquireOutcome.Refused Refused(RecordError error, long offset) => new(error, offset,
            $"resource '{lease.resource}' of lockspace '{keeper.Lockspace}', byte {offset} of its area: {error.Explain()}");

        private AcquireOutcome.Unknown Unknown(string failure) => new($"whether '{lease.resource}' is ours is not known: {failure}; acquire it again for the answer");

        private AcquireOutcome.LostHostId Lost() => new($"host id {keeper.HostId} generation {generation} is not ours any more; nothing was granted");
    }
}
