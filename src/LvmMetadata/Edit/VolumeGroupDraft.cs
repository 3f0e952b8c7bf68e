using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Model;

namespace OvirtSpm.LvmMetadata.Edit;

/// <summary>A batch of changes to one group that becomes one commit. Not safe for use by two callers at once.</summary>
/// <remarks>
/// A change costs its own volume only: the others keep their objects and their bytes, free space and the index by name are
/// trees that are shared with the group. A change that fails leaves the batch as it was.
/// </remarks>
public sealed partial class VolumeGroupDraft
{
    private readonly Dictionary<int, LogicalVolume?> changes = [];
    private readonly int firstNewOrdinal;
    private int nextOrdinal;
    private NameIndex byName;
    private ImmutableArray<string> tags;
    private FreeSpace free;
    private long blockBytes;
    private ImmutableHashSet<LvmUuid>? ids;
    private bool isLastOfOurs;

    /// <param name="isSeen">Physical volumes whose extents may be given away; null: all that are allocatable.</param>
    public VolumeGroupDraft(VolumeGroup from, Func<PhysicalVolume, bool>? isSeen = null)
    {
        From = from;
        pvs = from.PhysicalVolumes;
        this.isSeen = isSeen;
        byName = from.Interior.ByName;
        free = from.Interior.Free.Offering(Offered(null));
        blockBytes = from.Interior.BlockBytes;
        ids = from.Interior.Ids;
        tags = from.Tags;
        nextOrdinal = firstNewOrdinal = from.LogicalVolumes.IsEmpty ? 0 : from.LogicalVolumes[^1].Text.Ordinal + 1;
    }

    /// <summary>The group this batch changes.</summary>
    public VolumeGroup From { get; }

    public bool HasChanges => changes.Count > 0 || tags != From.Tags || pvs != From.PhysicalVolumes;

    /// <summary>Every volume that is not as it was: before (null: new) and after (null: gone), those that are gone first.</summary>
    public IEnumerable<(LogicalVolume? Before, LogicalVolume? After)> Changes => changes
        .Select(change => (Before: BeforeOf(change.Key), After: change.Value))
        .Where(change => change.Before is not null || change.After is not null)
        .OrderBy(change => change.After is not null);

    public long FreeExtents => free.AllocatableExtents;

    public ImmutableArray<string> Tags => tags;

    /// <summary>The volume as the batch leaves it, or null.</summary>
    public LogicalVolume? Find(string name) => byName.Find(name);

    /// <summary>New linear, visible, writable volume.</summary>
    /// <param name="extents">At least 1.</param>
    /// <param name="createdAt">Whole seconds are kept.</param>
    /// <param name="placement">Exactly there and in one piece; NoSpace when that is not free.</param>
    public EditOutcome CreateLinear(
        string name, LvmUuid id, long extents, IEnumerable<string> tags, DateTimeOffset createdAt, string host, Placement? placement = null)
    {
        var wanted = tags.Distinct().ToImmutableArray();
        var problem = From.WriteRefusal ?? GroupRules.NewVolumeNameProblem(From.Name, name) ?? TagsProblem(wanted) ?? SizeProblem(extents);
        if (problem is not null)
        {
            return new EditOutcome.Refused(problem);
        }
        if (Find(name) is not null)
        {
            return new EditOutcome.Exists(name);
        }
        if (id.IsEmpty || !IsNew(id))
        {
            return new EditOutcome.Refused($"another volume has the uuid {id}, or it is empty; give a fresh one");
        }
        if (Uncountable() is { } refused)
        {
            return refused;
        }
        var runs = placement is { } place
            ? ExtentAllocator.PlanAt(free, extents, place, out var after)
            : ExtentAllocator.Plan(free, extents, null, out after);
        if (runs is null)
        {
            return new EditOutcome.NoSpace(extents, placement is { } at ? free.GivableAt(at.PvIndex, at.StartExtent) : free.AllocatableExtents);
        }
        var volume = NewLinearVolume.Make(From, pvs, name, id, runs, wanted, createdAt, host, nextOrdinal);
        ids = ids!.Add(id);
        free = after;
        nextOrdinal++;
        Put(null, volume);
        return new EditOutcome.Done(extents);
    }

    /// <param name="newExtentCount">Absolute: repeating the request is harmless.</param>
    /// <param name="alsoSeen">Physical volumes that the volume's user sees; null: all.</param>
    public EditOutcome Extend(string name, long newExtentCount, Func<PhysicalVolume, bool>? alsoSeen = null)
    {
        if (Changeable(name, out var volume) is { } refused)
        {
            return refused;
        }
        if (newExtentCount <= volume.ExtentCount)
        {
            return new EditOutcome.AlreadyThere(volume.ExtentCount);
        }
        if (SizeProblem(newExtentCount) is { } problem)
        {
            return new EditOutcome.Refused(problem);
        }
        if (Uncountable() is { } uncountable)
        {
            return uncountable;
        }
        var needed = newExtentCount - volume.ExtentCount;
        var tail = volume.Segments[^1];
        var growAt = new Placement(tail.Areas[0].PvIndex, tail.Areas[0].StartExtent + tail.ExtentCount);
        // An extend waits for this: what the volume's user does not see is taken out, and put back, only when there is such a thing.
        var given = alsoSeen is null ? free : free.Offering(Offered(alsoSeen));
        if (ExtentAllocator.Plan(given, needed, growAt, out var after) is not { } runs)
        {
            return new EditOutcome.NoSpace(needed, given.AllocatableExtents);
        }
        var grown = LogicalVolumeEdit.Grown(volume, runs, pvs, From.ExtentSizeBytes);
        free = alsoSeen is null ? after : after.Offering(Offered(null));
        Put(volume, grown);
        return new EditOutcome.Done(newExtentCount);
    }

    /// <summary>R6b: gives a volume exactly these extents behind those it has, as somebody gave them before; makes it when it is not there.</summary>
    /// <param name="tags">Of a new volume.</param>
    public EditOutcome Give(string name, LvmUuid id, IReadOnlyList<ExtentRun> runs, IEnumerable<string> tags, DateTimeOffset createdAt, string host)
    {
        var there = Find(name);
        if (From.WriteRefusal is { } refusal)
        {
            return new EditOutcome.Refused(refusal);
        }
        if (there is null ? GroupRules.NewVolumeNameProblem(From.Name, name) is not null || id.IsEmpty || !IsNew(id) : there.EditRefusal is not null || there.Uuid != id)
        {
            return new EditOutcome.Refused($"volume '{name}' ({id}) cannot be given extents: another one has its name or uuid, or it is of a kind that is not changed here");
        }
        var (wanted, after) = (tags.Distinct().ToImmutableArray(), free);
        foreach (var run in runs)
        {
            if (run.PvIndex < 0 || run.PvIndex >= pvs.Length || run.Length < 1
                || ExtentAllocator.PlanAt(after, run.Length, new Placement(run.PvIndex, run.Start), out after) is null)
            {
                return new EditOutcome.NoSpace(run.Length, 0);
            }
        }
        if (runs.Count == 0 || TagsProblem(wanted) is not null)
        {
            return new EditOutcome.Refused($"volume '{name}': no extents, or tags that LVM does not take");
        }
        var next = there is null
            ? NewLinearVolume.Make(From, pvs, name, id, [.. runs], wanted, createdAt, host, nextOrdinal++)
            : LogicalVolumeEdit.Grown(there, [.. runs], pvs, From.ExtentSizeBytes);
        ids = there is null ? ids!.Add(id) : ids;
        free = after;
        Put(there, next);
        return new EditOutcome.Done(next.ExtentCount);
    }

    /// <param name="newExtentCount">Absolute, at least 1; a volume as small or smaller is AlreadyThere. The tail's extents become free.</param>
    public EditOutcome Reduce(string name, long newExtentCount)
    {
        if (Changeable(name, out var volume) is { } refused)
        {
            return refused;
        }
        if (newExtentCount < 1)
        {
            return new EditOutcome.Refused($"a volume has at least 1 extent, not {newExtentCount}; remove it instead");
        }
        if (newExtentCount >= volume.ExtentCount)
        {
            return new EditOutcome.AlreadyThere(volume.ExtentCount);
        }
        var cut = LogicalVolumeEdit.Cut(volume, newExtentCount, From.ExtentSizeBytes);
        foreach (var segment in volume.Segments)
        {
            var kept = Math.Clamp(newExtentCount - segment.StartExtent, 0, segment.ExtentCount);
            if (kept < segment.ExtentCount)
            {
                free = free.Release(new ExtentRun(segment.Areas[0].PvIndex, segment.Areas[0].StartExtent + kept, segment.ExtentCount - kept));
            }
        }
        Put(volume, cut);
        return new EditOutcome.Done(newExtentCount);
    }

    public EditOutcome Remove(string name)
    {
        if (Changeable(name, out var volume) is { } refused)
        {
            return refused;
        }
        var lead = volume.Text.Block.Span;
        if (lead[..lead.IndexOf((byte)'{')].IndexOf((byte)'=') >= 0)
        {
            return new EditOutcome.Refused($"keys we do not know stand before volume '{name}' and would be lost; remove it with lvm2");
        }
        foreach (var segment in volume.Segments)
        {
            free = free.Release(new ExtentRun(segment.Areas[0].PvIndex, segment.Areas[0].StartExtent, segment.ExtentCount));
        }
        ids = ids?.Remove(volume.Uuid);
        Put(volume, null);
        return new EditOutcome.Done(0);
    }

    /// <summary>Makes these tags those, and leaves every other tag as it is.</summary>
    public EditOutcome ReplaceTags(string name, IReadOnlyCollection<string> before, IReadOnlyCollection<string> after) =>
        ChangeTags(name, before.Except(after), after.Except(before));

    /// <summary>AlreadyThere when nothing is left to remove or to add.</summary>
    public EditOutcome ChangeTags(string name, IEnumerable<string> remove, IEnumerable<string> add)
    {
        if (Changeable(name, out var volume) is { } refused)
        {
            return refused;
        }
        var next = TagSet.Change(volume.Tags, remove, add);
        if (TagsProblem(next) is { } problem)
        {
            return new EditOutcome.Refused(problem);
        }
        if (next.SequenceEqual(volume.Tags))
        {
            return new EditOutcome.AlreadyThere(volume.ExtentCount);
        }
        Put(volume, LogicalVolumeEdit.WithTags(volume, next));
        return new EditOutcome.Done(volume.ExtentCount);
    }

    /// <summary>Makes these tags of the group those, and leaves every other tag as it is.</summary>
    public EditOutcome ReplaceVgTags(IReadOnlyCollection<string> before, IReadOnlyCollection<string> after) =>
        ChangeVgTags(before.Except(after), after.Except(before));

    /// <summary>AlreadyThere when nothing is left to remove or to add. The epoch's tag is the commit's own.</summary>
    public EditOutcome ChangeVgTags(IEnumerable<string> remove, IEnumerable<string> add)
    {
        var next = TagSet.Change(tags, remove, add);
        if ((From.WriteRefusal ?? TagsProblem(next)) is { } problem)
        {
            return new EditOutcome.Refused(problem);
        }
        if (!next.Where(EpochTag.Is).SequenceEqual(tags.Where(EpochTag.Is)))
        {
            return new EditOutcome.Refused($"tags that begin with {VolumeGroup.EpochTagPrefix} belong to the commit itself");
        }
        if (next.SequenceEqual(tags))
        {
            return new EditOutcome.AlreadyThere(0);
        }
        tags = next;
        return new EditOutcome.Done(0);
    }

    /// <summary>The text of this batch carries neither epoch nor tripwire: it is as if we had never written this group. Nothing is committed after it.</summary>
    public void LeaveToOthers() => isLastOfOurs = true;

    /// <summary>The group after the batch, stamped for one commit.</summary>
    /// <exception cref="InvalidOperationException">The group must not be written, see <see cref="VolumeGroup.WriteRefusal"/>.</exception>
    public VolumeGroup Build(uint seqno, ulong epoch, DateTimeOffset when, string description, string host)
    {
        if (From.WriteRefusal is { } refusal)
        {
            throw new InvalidOperationException(refusal);
        }
        var stamped = isLastOfOurs ? [.. tags.Where(tag => !EpochTag.Is(tag))]
            : tags.Contains(EpochTag.For(epoch)) && tags.Count(EpochTag.Is) == 1 ? tags
            : [.. tags.Where(tag => !EpochTag.Is(tag)), EpochTag.For(epoch)];
        var trailer = TrailerText.Format(when, description, host, From.Interior.Skeleton.ForeignTrailer.Span);
        var skeleton = SkeletonEdit.Stamp(SkeletonEdit.Add(SkeletonEdit.Grow(From.Interior.Skeleton, From.PhysicalVolumes, pvs), pvs[From.PhysicalVolumes.Length..]), seqno, stamped == From.Tags ? null : stamped, isLastOfOurs ? null : epoch, trailer);
        return new VolumeGroup(From.Interior with { Skeleton = skeleton, ByName = byName, Free = free, BlockBytes = blockBytes, Ids = ids })
        {
            Name = From.Name,
            Uuid = From.Uuid,
            Seqno = seqno,
            ExtentSizeBytes = From.ExtentSizeBytes,
            Status = From.Status,
            Flags = From.Flags,
            Tags = stamped,
            PhysicalVolumes = pvs,
            LogicalVolumes = changes.Count == 0 ? From.LogicalVolumes : VolumeList.Apply(From.LogicalVolumes, changes, firstNewOrdinal, nextOrdinal),
            Epoch = isLastOfOurs ? null : epoch,
            HasTripwire = !isLastOfOurs,
            WriteRefusal = null,
            Description = description,
            WriterHost = host,
        };
    }

    private LogicalVolume? BeforeOf(int ordinal)
    {
        if (ordinal >= firstNewOrdinal)
        {
            return null;
        }
        var (low, high) = (0, From.LogicalVolumes.Length - 1);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = From.LogicalVolumes[middle].Text.Ordinal < ordinal ? (middle + 1, high) : (low, middle);
        }
        return From.LogicalVolumes[low];
    }

    private EditOutcome? Changeable(string name, out LogicalVolume volume)
    {
        volume = Find(name)!;
        return From.WriteRefusal is { } refusal ? new EditOutcome.Refused(refusal)
            : volume is null ? new EditOutcome.NotFound(name)
            : volume.EditRefusal is { } own ? new EditOutcome.Refused(own)
            : null;
    }

    private EditOutcome? Uncountable() => From.Interior.UncountableVolume is { } volume
        ? new EditOutcome.Refused($"volume '{volume}' holds extents in a way that is not known here, so none can be given away; use lvm2")
        : null;

    private bool IsNew(LvmUuid id)
    {
        // Worked out at the first creation only, then carried from commit to commit.
        ids ??= [.. From.LogicalVolumes.Select(volume => volume.Uuid), .. changes.Values.OfType<LogicalVolume>().Select(volume => volume.Uuid)];
        return !ids.Contains(id);
    }

    private void Put(LogicalVolume? before, LogicalVolume? after)
    {
        var known = after ?? before!;
        changes[known.Text.Ordinal] = after;
        blockBytes += (after?.Text.Block.Length ?? 0) - (before?.Text.Block.Length ?? 0);
        byName = byName.With(known.Name, after);
    }

    private static string? TagsProblem(ImmutableArray<string> tags)
    {
        foreach (var tag in tags)
        {
            if (GroupRules.TagProblem(tag) is { } problem)
            {
                return problem;
            }
        }
        return null;
    }

    private string? SizeProblem(long extents) =>
        extents is < 1 or > uint.MaxValue || extents > long.MaxValue / From.ExtentSizeBytes
            ? $"a volume has 1 to {uint.MaxValue} extents, not {extents}"
            : null;
}
