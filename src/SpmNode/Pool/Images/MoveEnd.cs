using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Roles;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>One pool as the source or the target of a move, as its SPM of now sees it.</summary>
sealed class MoveEnd(SpmTerm term, ImageWork work, VolumeRemoval removal, VolumeCreation creation)
{
    public Guid Domain => term.Domain.Uuid;

    public long ExtentBytes => work.ExtentBytes;

    public Func<bool> Holds => work.MayWrite;

    /// <returns>Null when there is none.</returns>
    public VolumeInfo? Find(string reference)
    {
        try
        {
            return work.Find(reference);
        }
        catch (Refusal unknown) when (unknown.Code == RefusalCode.NotFound)
        {
            return null;
        }
    }

    public VolumeInfo? Find(Guid volume) => work.Find(volume);

    /// <summary>The volume and all below it, if nobody else is read through any of them.</summary>
    public IReadOnlyList<VolumeInfo> Movable(VolumeInfo leaf)
    {
        var chain = work.Chain(ImageWork.Usable(leaf, "is not moved"));
        foreach (var (layer, above) in chain.Zip(chain.Prepend(null)))
        {
            ImageWork.Usable(layer, $"is below {leaf.Name} and cannot be moved");
            if (work.ChildrenOf(layer).FirstOrDefault(child => child.Uuid != above?.Uuid) is { } other)
            {
                throw Refusal.Conflict(above is null
                    ? $"volume {leaf.Name} is not moved: it is the parent of {other.Name}. Name the volume on top, which takes all below it along."
                    : $"volume {leaf.Name} is not moved: {other.Name} is read through {layer.Name}, too. 'volume export' and 'import' make one disk of a chain.");
            }
            if (layer.Slot!.Role == VolumeRole.Shared && above is not null)
            {
                throw Refusal.Conflict($"volume {leaf.Name} is not moved: it is made from the template {layer.Name}, which stays. 'volume export' and 'import' make a disk of its own.");
            }
        }
        return chain;
    }

    public IReadOnlyList<VolumeSegment> Segments(VolumeInfo volume) => Segments(volume.Name, work.Layer(volume).Segments);

    public IReadOnlyList<VolumeSegment> Segments(string volume, IReadOnlyList<SegmentReply> segments) => [.. segments.Select(segment => term.Domain.Devices.Segment(volume, segment))];

    /// <summary>R10, R13: nobody activates any of it from before the copy until the mark is there, which nobody activates either.</summary>
    /// <param name="copy">Afterwards the target is whole, and durable.</param>
    public async Task DepartAsync(IReadOnlyList<VolumeInfo> chain, Func<IReadOnlyList<VolumeInfo>, Task> copy)
    {
        using var locked = work.Locks.Take(chain.Select(volume => volume.Uuid));
        IReadOnlyList<VolumeInfo> now;
        IReadOnlyList<JournalRecord.Begun> operations = [];
        try
        {
            await using (await work.HoldAsync(chain))
            {
                now = Movable(work.Find(chain[0].Name));
                if (!now.Select(volume => volume.Uuid).SequenceEqual(chain.Select(volume => volume.Uuid)))
                {
                    throw Refusal.Conflict($"the chain of volume {chain[0].Name} changed just now; look again, and ask again.");
                }
                await copy(now);
                operations = await removal.MarkTogetherAsync(now);
            }
            // Without our entries, which a removal takes for a user's.
            await removal.RemoveMarkedAsync(now, operations);
        }
        finally
        {
            foreach (var operation in operations)
            {
                term.Journal.Leave(operation);
            }
        }
        work.Fenced(chain[0].Name);
    }

    public Task ReceiveAsync(Guid from, VolumeInfo volume, FillArrival fill, CancellationToken stop) =>
        creation.ReceiveAsync(new ImageOrigin.Arrival(from, volume, fill), stop);

    /// <summary>What an earlier attempt left here. The source is there: this was never used.</summary>
    public async Task TakeBackAsync(Guid from, IReadOnlyList<VolumeInfo> chain)
    {
        foreach (var volume in chain.Select(volume => work.Find(volume.Uuid)).OfType<VolumeInfo>())
        {
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
            .ToList().MaxBy(outcome => outcome is EditOutcome.Done)!);
        return work.Find(chain[0].Name);
    }
}
