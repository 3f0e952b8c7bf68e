using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Roles;

/// <summary>One term as SPM: from the takeover commit to the moment the fence closes.</summary>
sealed class SpmTerm
{
    SpmTerm(PoolDomain domain, PoolFence fence, PoolWorker worker, VolumeTable volumes, OperationJournal journal)
    {
        (Domain, Fence, Worker, Volumes, Journal) = (domain, fence, worker, volumes, journal);
    }

    public PoolDomain Domain { get; }

    public PoolFence Fence { get; }

    public PoolWorker Worker { get; }

    public VolumeTable Volumes { get; }

    public OperationJournal Journal { get; }

    /// <summary>Takes the pool over: reads every copy, commits under the new epoch, then learns what the slots say.</summary>
    public static async Task<TermStart> BeginAsync(PoolDomain domain, PoolFence fence, TimeProvider clock, string host, PoolCounters counters)
    {
        using var entry = fence.Enter();
        try
        {
            var opened = await MetadataStore.OpenAsync([domain.Lun.Metadata], clock, host);
            if (opened is not OpenOutcome.Opened { Store: var store })
            {
                return new TermStart.Failed(((OpenOutcome.Refused)opened).Reason);
            }
            if (store.Current.Uuid != domain.Group.Uuid || store.Current.Version < domain.Seen.Newest)
            {
                return new TermStart.Failed($"the volume group on the LUN is not the one this node has seen before ({store.Current}, seen {domain.Seen.Newest}): a replaced or restored device (R5)");
            }
            if (domain.MovedSince(store.Current) is { } movedBefore)
            {
                return new TermStart.Failed(movedBefore); // R23: before anything is written
            }
            var (place, above) = (JournalPlace.Of(domain), 0ul);
            OperationJournal? journal = null;
            switch (await store.TakeOverAsync(fence, domain.Seen.Known, ForeignTextCheck.Lost, async found =>
            {
                var before = await place.ReadAsync(found);
                above = before.HighestEpoch;
                journal = new OperationJournal(place, fence.Epoch, before);
                // R22: a journal that has seen this epoch, or one above it, would have two logs that look alike.
                return new TakeOverBasis(journal, above >= fence.Epoch ? $"the journal has seen epoch {above}"
                    : before.Later is { } later ? $"{later}. A later version of this program led this pool; upgrade this host" : null);
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
            var worker = new PoolWorker(store, fence, clock, counters, domain.Seen, journal);
            var volumes = await VolumeTable.LoadAsync(domain, worker);
            return new TermStart.Begun(new SpmTerm(domain, fence, worker, volumes, journal!));
        }
        catch (IOException failed)
        {
            fence.Close(failed.Message);
            return new TermStart.Failed(failed.Message);
        }
    }
}
