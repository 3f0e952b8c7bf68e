using OvirtSpm.LvmMetadata.Edit;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Volumes.Journal;

namespace OvirtSpm.Node.Pool.Recovery;

/// <summary>R6b: makes the changes of lost commits again, extent by extent where they were.</summary>
/// <remarks>A guest may have written into what it was given; the same place is the only right one. What does not fit exactly is not guessed.</remarks>
static class GrantReplay
{
    /// <returns>Why it cannot be done, for people; null when the draft has it all.</returns>
    public static string? Apply(VolumeGroupDraft draft, IReadOnlyList<JournalBlock> lost, DateTimeOffset now, string host)
    {
        if (Gap(draft.From, lost) is { } missing)
        {
            return missing;
        }
        foreach (var block in lost)
        {
            foreach (var record in block.Records.Skip(block.CarriedRecords))
            {
                var edit = record switch
                {
                    JournalRecord.Freed freed => Free(draft, freed),
                    JournalRecord.Granted granted => Grant(draft, granted, now, host),
                    _ => null,
                };
                if (edit is not (null or EditOutcome.Done or EditOutcome.AlreadyThere))
                {
                    return $"commit {block.Position.Epoch}/{block.Commit!.Value.Seqno} was acknowledged, its text is lost, and it cannot be made again on the text that is left: {record}: {edit}. "
                        + "Nothing was written. Compare 'spm journal show' with 'spm domain check', and restore the volume group by hand.";
                }
            }
        }
        return null;
    }

    /// <summary>A commit that the journal does not show may have given extents away: they would count as free.</summary>
    static string? Gap(VolumeGroup found, IReadOnlyList<JournalBlock> lost)
    {
        var (epoch, next) = (found.Epoch ?? 0, found.Seqno + 1ul);
        foreach (var block in lost)
        {
            var (at, seqno) = (block.Position.Epoch, block.Commit!.Value.Seqno);
            // R3: where a takeover on exactly this text went.
            var expected = at == epoch ? next : next - 1 + 2 * (at - epoch);
            if (seqno != expected)
            {
                return $"commits up to {at}/{seqno} were acknowledged and their texts are lost, and the journal does not show those from {epoch}/{next} on. "
                    + "Nothing was written. Compare 'spm journal show' with 'spm domain check', and restore the volume group by hand.";
            }
            (epoch, next) = (at, seqno + 1);
        }
        return null;
    }

    static EditOutcome Free(VolumeGroupDraft draft, JournalRecord.Freed freed) => draft.Find(freed.Name) switch
    {
        null when freed.LeftExtents == 0 => new EditOutcome.AlreadyThere(0),
        { } there when !Is(there, freed.Lv) => new EditOutcome.Refused("another volume has its name"),
        _ => freed.LeftExtents == 0 ? draft.Remove(freed.Name) : draft.Reduce(freed.Name, freed.LeftExtents),
    };

    static EditOutcome Grant(VolumeGroupDraft draft, JournalRecord.Granted granted, DateTimeOffset now, string host)
    {
        var there = draft.Find(granted.Name);
        if (there is not null && !Is(there, granted.Lv))
        {
            return new EditOutcome.Refused("another volume has its name");
        }
        if ((there?.ExtentCount ?? 0) != granted.BeforeExtents || !LvmUuid.TryParse(granted.Lv, out var id))
        {
            return new EditOutcome.Refused($"it has {there?.ExtentCount ?? 0} extents, not {granted.BeforeExtents}");
        }
        var given = granted.Runs.IsEmpty
            ? new EditOutcome.AlreadyThere(granted.BeforeExtents)
            : draft.Give(granted.Name, id, [.. granted.Runs.Select(run => new ExtentRun(run.Device, run.Start, run.Count))], granted.Tags ?? [], now, host);
        return given is EditOutcome.Done or EditOutcome.AlreadyThere && granted.Tags is { } tags && draft.Find(granted.Name) is { } changed
            ? draft.ReplaceTags(granted.Name, changed.Tags, tags)
            : given;
    }

    static bool Is(LogicalVolume there, string lv) => there.Uuid.Compact == lv;
}
