using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Pool.Recovery;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Roles;

/// <summary>One term as SPM: from the takeover commit to the moment the fence closes.</summary>
sealed class SpmTerm
{
    SpmTerm(PoolDomain domain, PoolFence fence, PoolWorker worker, VolumeTable volumes, OperationJournal journal)
    {
        (Domain, Fence, Worker, Volumes, Journal, Space) = (domain, fence, worker, volumes, journal, new SpaceRules(volumes));
    }

    public PoolDomain Domain { get; }

    public PoolFence Fence { get; }

    public PoolWorker Worker { get; }

    public VolumeTable Volumes { get; }

    public OperationJournal Journal { get; }

    public SpaceRules Space { get; }

    /// <summary>What the takeover found and put right, or does not believe, for people.</summary>
    public IReadOnlyList<string> Notes { get; private init; } = [];

    /// <summary>Takes the pool over: reads every copy, commits under the new epoch, then learns what the slots say.</summary>
    public static async Task<TermStart> BeginAsync(PoolDomain domain, PoolFence fence, TimeProvider clock, string host, PoolCounters counters)
    {
        using var entry = fence.Enter();
        try
        {
            var (place, notes) = (JournalPlace.Of(domain), new List<string>());
            var opened = await domain.Lun.OpenStoreAsync(clock, host);
            var read = opened is OpenOutcome.Opened { Read: var good } ? good : ((OpenOutcome.Refused)opened).Read;
            var before = await place.ReadAsync(read.Group);
            if (await HeaderRescue.RestoreAsync(domain, read, before, fence) is { } rescued)
            {
                notes.Add(rescued);
                opened = await domain.Lun.OpenStoreAsync(clock, host);
                before = await place.ReadAsync((opened as OpenOutcome.Opened)?.Store.Current);
            }
            if (opened is not OpenOutcome.Opened { Store: var store })
            {
                return new TermStart.Failed(((OpenOutcome.Refused)opened).Reason);
            }
            var lost = Lost(before, store.Current, notes.Count > 0);
            var reached = lost is [.., var last] ? new MetadataVersion(last.Position.Epoch, last.Commit!.Value.Seqno) : store.Current.Version;
            if (store.Current.Uuid != domain.Group.Uuid || reached < domain.Seen.Newest)
            {
                return new TermStart.Failed($"the volume group on the LUN is not the one this node has seen before ({store.Current}, seen {domain.Seen.Newest}): a replaced or restored device (R5)");
            }
            if (domain.MovedSince(store.Current) is { } movedBefore)
            {
                return new TermStart.Failed(movedBefore); // R23: before anything is written
            }
            var (above, judgedBy) = (0ul, store.Current.Version);
            OperationJournal? journal = null;
            switch (await store.TakeOverAsync(fence, domain.Seen.Known, ForeignTextCheck.Lost, async found =>
            {
                // A late header may have landed since: it decides what the predecessor's last commit was.
                if (found.Version != judgedBy)
                {
                    before = await place.ReadAsync(found);
                    lost = Lost(before, found, headersLost: false);
                }
                above = before.HighestEpoch;
                journal = new OperationJournal(place, fence.Epoch, lost.Count > 0 ? before with { LastHappened = true } : before);
                if (lost.Count > 0)
                {
                    notes.Add($"{lost.Count} commits above {found.Version} were acknowledged and their texts are lost: made again from the journal (R6b)");
                }
                // R22: a journal that has seen this epoch, or one above it, would have two logs that look alike.
                return new TakeOverBasis(
                    journal,
                    above >= fence.Epoch ? $"the journal has seen epoch {above}"
                        : before.Later is { } later ? $"{later}. A later version of this program led this pool; upgrade this host" : null,
                    lost.Count > 0 ? draft => GrantReplay.Apply(draft, lost, clock.GetUtcNow(), host) : null);
            }))
            {
                case TakeOverOutcome.TakenOver:
                    break;
                case TakeOverOutcome.EpochNotAbove not:
                    return new TermStart.EpochNotAbove(not.EpochOnDisk);
                case TakeOverOutcome.ForeignRefused foreign:
                    return new TermStart.Failed($"another program wrote the metadata and what it left is not adopted: {foreign.Reason}. Put it back, or restart the nodes that remember it to accept the loss.");
                case TakeOverOutcome.NotIssued when above >= fence.Epoch:
                    return new TermStart.EpochNotAbove(above);
                case TakeOverOutcome.NotIssued not:
                    return new TermStart.Failed(not.Reason);
                case TakeOverOutcome.Unknown unknown:
                    fence.Close(unknown.Reason);
                    return new TermStart.Failed(unknown.Reason);
            }
            domain.Seen.Leads(store.Current);
            var worker = new PoolWorker(store, fence, clock, counters, domain.Seen, journal, domain.Devices.Sees) { ConfirmInterval = domain.Timing.IoTimeout / 2 };
            var volumes = await VolumeTable.LoadAsync(domain, worker);
            notes.AddRange(before.Damage.Select(damage => damage.ToString()));
            return new TermStart.Begun(new SpmTerm(domain, fence, worker, volumes, journal!) { Notes = notes });
        }
        catch (IOException failed)
        {
            fence.Close(failed.Message);
            return new TermStart.Failed(failed.Message);
        }
    }

    /// <summary>R6b. R22: a foreign text is what somebody wanted, whatever the journal knows.</summary>
    static IReadOnlyList<JournalBlock> Lost(JournalReading journal, VolumeGroup found, bool headersLost) =>
        found.HasTripwire ? journal.LostAbove(found.Epoch ?? 0, found.Seqno, headersLost) : [];
}
