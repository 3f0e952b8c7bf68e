using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Roles;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>This SPM's own pool as the one that a volume comes to.</summary>
/// <param name="request">R24: under which id the journal remembers that it arrived.</param>
sealed class MoveTarget(SpmTerm term, ImageWork work, VolumeRemoval removal, VolumeCreation creation, RequestId? request = null)
{
    public Guid Domain => term.Domain.Uuid;

    public long ExtentBytes => work.ExtentBytes;

    public Func<bool> Holds => work.MayWrite;

    /// <summary>R1: what is said rests on a term that still lasts.</summary>
    public void Fenced(string volume) => work.Fenced(volume);

    public VolumeInfo? Find(Guid volume) => work.Find(volume);

    /// <summary>From here on nobody else deletes them, and no second move of the same volumes takes one's copy for what a crash left.</summary>
    public IDisposable Lock(IEnumerable<Guid> volumes) => work.Locks.Take(volumes);

    public IReadOnlyList<VolumeSegment> Segments(string volume, IReadOnlyList<SegmentReply> segments) => [.. segments.Select(segment => term.Domain.Devices.Segment(volume, segment))];

    public Task ReceiveAsync(Guid from, MovedVolume volume, FillArrival fill, CancellationToken stop) =>
        creation.ReceiveAsync(new ImageOrigin.Arrival(from, volume, fill), stop);

    /// <summary>What an earlier attempt left here. The source is there: this was never used.</summary>
    public async Task TakeBackAsync(Guid from, IReadOnlyList<MovedVolume> chain)
    {
        foreach (var volume in chain.Select(volume => work.Find(volume.Uuid)).OfType<VolumeInfo>())
        {
            if (volume.Tags.Initializing)
            {
                throw Refusal.Unavailable($"what an earlier attempt left of volume {volume.Name} in the target domain is being taken back. Ask again in a moment; 'spm journal show' says what it waits for.");
            }
            if (volume.Tags.MovedFrom != from)
            {
                throw Refusal.Conflict($"there is a volume {volume.Name} in the target domain already, which is none that was being moved there. It is left alone; delete it first, if it is not needed.");
            }
            await removal.DeleteAsync(volume.Name);
        }
    }

    /// <summary>All that came from there under this name, leaf first; null when there is none.</summary>
    public IReadOnlyList<VolumeInfo>? Arrived(Guid from, string reference) =>
        VolumeReference.Resolve(reference, work.View().Volumes.Where(volume => volume.Tags.MovedFrom == from)) switch
        {
            VolumeResolution.Found found when work.ChildrenOf(found.Volume).Count == 0 => work.Chain(found.Volume),
            VolumeResolution.Found found => throw Refusal.Conflict($"volume {found.Volume.Name} arrived as a part of a chain; name the volume on top of it."),
            VolumeResolution.Ambiguous several => throw Refusal.Invalid(several.Text + "."),
            _ => null,
        };

    /// <summary>They are gone from where they came from: from here on they are this domain's. Slots first, so that a crash leaves the tag.</summary>
    public async Task<VolumeInfo> SettleAsync(IReadOnlyList<VolumeInfo> chain)
    {
        foreach (var volume in chain.Where(volume => volume.Slot!.Legality != VolumeLegality.Legal))
        {
            await work.WriteSlotAsync(volume, slot => slot with { Legality = VolumeLegality.Legal });
        }
        await work.CommitAsync("take in", chain[0].Name, draft => chain
            .Select(volume => draft.ChangeTags(volume.Name, [VolumeTags.MovedPrefix + volume.Tags.MovedFrom], []))
            .ToList().MaxBy(outcome => outcome is EditOutcome.Done)!,
            request is { } id ? [new JournalRecord.Answered(id, OperationKind.Create, chain[0].Uuid, OperationOutcome.Done)] : []);
        return work.Find(chain[0].Name);
    }
}
