using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Resource;

public sealed partial class ResourceLease
{
    /// <summary>Hosts that hold the resource shared: nobody is written as owner, a mark beside each one's vote says so.</summary>
    /// <remarks>
    /// A sharer takes the resource for a moment, marks itself, and gives it back (sanlock's SHORT_HOLD). So whoever becomes owner sees in
    /// its ballot every mark that was set before, and a mark set later is set by a later owner.
    /// </remarks>
    private sealed partial class Attempt
    {
        private readonly SortedDictionary<int, ulong> sharers = [];
        private readonly Dictionary<(int HostId, ulong Generation), OwnerWatch> sharerWatches = [];

        /// <summary>By generation, and whether anybody of them was seen to renew.</summary>
        private sealed record Sharing(IReadOnlyList<int> HostIds, bool SeenAlive, TimeSpan Remaining);

        private void NoteSharer(int host, ReadOnlySpan<byte> sector)
        {
            if (host != keeper.HostId && ModeBlock.TryParse(sector, out var mode) == RecordError.None && mode.IsShared)
            {
                sharers[host] = mode.Generation;
            }
        }

        /// <summary>No ballot while somebody shares it: each would cost a version and shut sharers out for a moment, for nothing.</summary>
        private async ValueTask<AcquireOutcome?> AwaitSharersAsync()
        {
            if (sharers.Count == 0)
            {
                return null;
            }

            var (sharing, failure) = await JudgeSharersAsync();
            return failure is not null ? await FailedAsync(failure)
                : sharing is not null ? await SharedAsync(sharing)
                : null;
        }

        /// <summary>Answers, or waits and looks again.</summary>
        private async ValueTask<AcquireOutcome?> SharedAsync(Sharing sharing)
        {
            if (sharing.SeenAlive ? !options.WaitForLiveOwner : !options.WaitForDeadOwner && !options.WaitForLiveOwner)
            {
                return await OwnedAsync(new AcquireOutcome.SharedByLiveHosts(sharing.HostIds));
            }

            await PauseAsync(sharing.Remaining < Poll ? sharing.Remaining : Poll);
            steps = steps.LeaderChanged();
            return null;
        }

        /// <summary>R19: a sharer counts as alive unless its host id was given back, is in a later life, or is provably dead.</summary>
        /// <remarks>
        /// Each one's sector is read now. The table of hosts may be 2 T + 0.5 s old, and for high host ids eight times that: it can show
        /// a host id as free that somebody has joined meanwhile and shares the resource under.
        /// </remarks>
        /// <returns>Null when all are gone.</returns>
        private async ValueTask<(Sharing? Sharing, string? Failure)> JudgeSharersAsync()
        {
            List<int> live = [];
            var (seenAlive, remaining) = (false, TimeSpan.Zero);
            foreach (var (host, life) in sharers)
            {
                if (!sharerWatches.TryGetValue((host, life), out var watched))
                {
                    sharerWatches[(host, life)] = watched = Watch(host, life);
                }

                var askedAt = lease.clock.Now;
                var (error, record, failure) = await keeper.ReadHostAsync(host);
                if (failure is not null)
                {
                    return (null, failure);
                }

                // Whatever cannot be known means "alive".
                if (error is not RecordError.None || record is null)
                {
                    live.Add(host);
                    seenAlive = true;
                }
                else if (!watched.IsGone(record, askedAt, lease.clock.Now))
                {
                    live.Add(host);
                    seenAlive |= watched.SeenAlive && !watched.IsOverdue;
                    remaining = watched.Remaining > remaining ? watched.Remaining : remaining;
                }
            }

            return (live.Count == 0 ? null : new Sharing(live, seenAlive, remaining), null);
        }

        private OwnerWatch Watch(int host, ulong life) =>
            new(host, life, keeper.Timing, keeper.WatchdogTimeoutOf, keeper.Hosts.Sighting(host));
    }
}
