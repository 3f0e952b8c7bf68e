using System.Collections.Immutable;
using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Volumes;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Pool;

/// <summary>R6b: what a commit gives away and takes back, as the journal names it.</summary>
static class CommitRecords
{
    /// <summary>A record has two bytes for its length.</summary>
    const int MaxRunsPerRecord = 1024;

    /// <summary>Beside the runs of one record. Somebody's thousand tags are not worth a commit.</summary>
    const int MaxTagBytes = 32 << 10;

    public static IEnumerable<JournalRecord> Of(VolumeGroupDraft draft)
    {
        foreach (var (before, after) in draft.Changes)
        {
            if (after is null)
            {
                yield return new JournalRecord.Freed(before!.Name, before.Uuid.Compact, 0);
                continue;
            }
            if (after.ExtentCount < before?.ExtentCount)
            {
                yield return new JournalRecord.Freed(after.Name, after.Uuid.Compact, after.ExtentCount);
            }
            foreach (var granted in Granted(before, after))
            {
                yield return granted;
            }
        }
    }

    static IEnumerable<JournalRecord> Granted(LogicalVolume? before, LogicalVolume after)
    {
        var had = Math.Min(before?.ExtentCount ?? 0, after.ExtentCount);
        var tags = (before is null || before.Tags != after.Tags) && after.Tags.Sum(tag => tag.Length + 2) <= MaxTagBytes ? new EquatableList<string>(after.Tags) : (EquatableList<string>?)null;
        var runs = after.Segments.Where(segment => segment.EndExtent > had && segment.IsLinear).Select(segment => Behind(segment, had)).ToList();
        for (var at = 0; at < runs.Count || (at == 0 && tags is not null); at += MaxRunsPerRecord)
        {
            var part = runs.Skip(at).Take(MaxRunsPerRecord).ToImmutableArray();
            yield return new JournalRecord.Granted(after.Name, after.Uuid.Compact, had, part, at == 0 ? tags : null);
            had += part.Sum(run => run.Count);
        }
    }

    static GrantedRun Behind(LvSegment segment, long had)
    {
        var skipped = Math.Max(0, had - segment.StartExtent);
        return new GrantedRun(segment.Areas[0].PvIndex, segment.Areas[0].StartExtent + skipped, segment.ExtentCount - skipped);
    }
}
