using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool;

/// <summary>Who gets the last extents, and how much may be promised altogether. The rules are tags of the group: one truth for every SPM.</summary>
sealed class SpaceRules(VolumeTable volumes)
{
    readonly Dictionary<Guid, (long Bytes, Guid Parent)> underWay = [];

    /// <summary>Judged in the commit itself, where everybody's requests meet one after the other.</summary>
    /// <param name="extents">The volume's size when it is done; absolute.</param>
    /// <returns>Null when there is space for it.</returns>
    public static EditOutcome? Refuse(VolumeGroupDraft draft, string name, long extents, SpaceUse use)
    {
        var more = extents - (draft.Find(name)?.ExtentCount ?? 0);
        if (use == SpaceUse.Guest || more <= 0)
        {
            return null;
        }
        var (group, rules) = (draft.From, SpaceTags.Parse(draft.Tags));
        if (rules is { ReservePercent: 0, ReserveMib: 0 })
        {
            return null;
        }
        var floor = PoolSpace.Floor(use, SizeBytes(group), rules, group.ExtentSizeBytes) / group.ExtentSizeBytes;
        return floor > 0 && draft.FreeExtents - floor < more ? new EditOutcome.NoSpace(more, Math.Max(0, draft.FreeExtents - floor), Math.Min(floor, draft.FreeExtents)) : null;
    }

    /// <summary>All that volumes can have.</summary>
    public static long SizeBytes(VolumeGroup group) =>
        (group.TotalExtents - SpecialVolumes.InCreationOrder.Sum(special => group.Find(special.Name)?.ExtentCount ?? 0)) * group.ExtentSizeBytes;

    public static PoolSpace Of(DomainView view) => Of(view.Group, view.Domain.Devices, PromisedBytes(view, new Dictionary<Guid, (long, Guid)>()));

    /// <summary>Free is what can be given: extents of a device that this host does not see are nobody's to take here.</summary>
    public static PoolSpace Of(VolumeGroup group, DomainDevices devices, long promisedBytes = 0)
    {
        var given = devices.FreeExtents(group);
        return new(SizeBytes(group), given * group.ExtentSizeBytes, promisedBytes, SpaceTags.Parse(group.Tags), group.ExtentSizeBytes)
        {
            UnseenBytes = (group.FreeExtents - given) * group.ExtentSizeBytes,
        };
    }

    /// <summary>Says that a volume may come to need so much, from now on; held until the volume itself shows it.</summary>
    /// <param name="volume">Worked on by one verb at a time.</param>
    /// <param name="bytes">What it may need at most, absolute.</param>
    /// <param name="parent">A volume that gets read-only by it, and needs no more than it has; empty for none.</param>
    /// <param name="what">What is not done, e.g. "volume X was not created".</param>
    /// <exception cref="Refusal">The pool's over-commit limit does not allow it.</exception>
    public IDisposable Promise(Guid volume, long bytes, Guid parent, string what)
    {
        var promise = new Promised(this, volume);
        if (SpaceTags.Parse(volumes.Group.Tags).OvercommitPercent is null)
        {
            return promise;
        }
        lock (underWay)
        {
            var view = volumes.View();
            var now = PromisedBytes(view, underWay);
            underWay[volume] = (bytes, parent);
            var then = Of(view.Group, view.Domain.Devices, PromisedBytes(view, underWay));
            if (then.PromiseLimitBytes is { } limit && then.PromisedBytes > limit && then.PromisedBytes > now)
            {
                underWay.Remove(volume);
                throw Refusal.NoSpace(
                    $"{what}: the volumes of this pool may come to need {SizeText.Format(now)}, with this {SizeText.Format(then.PromisedBytes)}; "
                    + $"over-commit of {then.Rules.OvercommitPercent} % of {SizeText.Format(then.SizeBytes)} allows {SizeText.Format(limit)}. Delete volumes, add a device, or raise it with 'spm domain set --overcommit'.");
            }
        }
        return promise;
    }

    /// <summary>A volume that others are made from needs what it has, one that is written what it can become.</summary>
    static long PromisedBytes(DomainView view, IReadOnlyDictionary<Guid, (long Bytes, Guid Parent)> underWay)
    {
        var parents = view.Volumes.Select(volume => volume.Parent).Concat(underWay.Values.Select(one => one.Parent)).ToHashSet();
        long Of(VolumeInfo volume)
        {
            var isFixed = parents.Contains(volume.Uuid) || volume.Slot?.Role == VolumeRole.Shared || volume.Tags.Removal != RemovalMark.None;
            var bytes = isFixed ? volume.AllocatedBytes : Math.Max(volume.AllocatedBytes, DomainView.MaximumBytes(volume, view.Group.ExtentSizeBytes));
            return underWay.TryGetValue(volume.Uuid, out var promised) ? Math.Max(bytes, promised.Bytes) : bytes;
        }
        var there = view.Volumes.Select(volume => volume.Uuid).ToHashSet();
        return view.Volumes.Sum(Of) + underWay.Where(one => !there.Contains(one.Key)).Sum(one => one.Value.Bytes);
    }

    sealed class Promised(SpaceRules owner, Guid volume) : IDisposable
    {
        public void Dispose()
        {
            lock (owner.underWay)
            {
                owner.underWay.Remove(volume);
            }
        }
    }
}
