using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Node.Roles;

/// <summary>One term as SPM: from the takeover commit to the moment the fence closes.</summary>
sealed class SpmTerm
{
    SpmTerm(PoolDomain domain, PoolFence fence, PoolWorker worker, VolumeTable volumes)
    {
        (Domain, Fence, Worker, Volumes) = (domain, fence, worker, volumes);
    }

    public PoolDomain Domain { get; }

    public PoolFence Fence { get; }

    public PoolWorker Worker { get; }

    public VolumeTable Volumes { get; }

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
            switch (await store.TakeOverAsync(fence, domain.Seen.Known, ForeignTextCheck.Lost))
            {
                case TakeOverOutcome.TakenOver:
                    break;
                case TakeOverOutcome.EpochNotAbove not:
                    return new TermStart.EpochNotAbove(not.EpochOnDisk);
                case TakeOverOutcome.ForeignRefused foreign:
                    return new TermStart.Failed($"another program wrote the metadata and what it left is not adopted: {foreign.Reason}. Put it back, or restart the nodes that remember it to accept the loss.");
                case TakeOverOutcome.NotIssued not:
                    return new TermStart.Failed(not.Reason);
                case TakeOverOutcome.Unknown unknown:
                    fence.Close(unknown.Reason);
                    return new TermStart.Failed(unknown.Reason);
            }
            domain.Seen.Leads(store.Current);
            var worker = new PoolWorker(store, fence, clock, counters, domain.Seen);
            var volumes = await VolumeTable.LoadAsync(domain, worker);
            return new TermStart.Begun(new SpmTerm(domain, fence, worker, volumes));
        }
        catch (IOException failed)
        {
            fence.Close(failed.Message);
            return new TermStart.Failed(failed.Message);
        }
    }
}
