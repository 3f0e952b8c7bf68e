using System.Collections.Immutable;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Volumes.Volume;

/// <summary>Joins one LV with its slot and says what does not fit.</summary>
internal static class VolumeJoin
{
    public static VolumeInfo Join(
        Guid domain, VolumeFacts facts, VolumeTags tags, ImmutableArray<string> wrongTags, SlotReading? reading, ILookup<int, string> users)
    {
        var uuid = VolumeCatalogue.Uuid(facts.Name);
        var problems = new List<VolumeProblem>();
        void Add(VolumeProblemKind kind, string text) => problems.Add(new VolumeProblem(kind, text));

        if (uuid == Guid.Empty)
        {
            Add(VolumeProblemKind.NotAVolumeName, $"LV '{facts.Name}' is neither a special volume nor named by a UUID; it is left alone");
        }

        foreach (var tag in wrongTags)
        {
            Add(VolumeProblemKind.WrongTag, $"tag '{tag}' is malformed or contradicts another tag of this LV; correct it with lvchange --deltag");
        }

        CheckProgress(tags, Add);
        if (tags.Slot is { } slot && users[slot].Count() > 1)
        {
            // Two volumes in one slot: whichever is written next destroys what the domain knows of the other.
            Add(VolumeProblemKind.SharedSlot, $"slot {slot} is also named by {string.Join(", ", users[slot].Where(name => name != facts.Name))}; decide by the image UUID in the slot whose it is");
        }

        // Before creation has ended the slot may hold anything, a former volume's text for one.
        var text = tags.Initializing ? null : reading?.Slot;
        if (tags.Slot is { } number && !tags.Initializing)
        {
            CheckSlot(domain, uuid, number, tags, reading, Add);
        }

        if (text is not null)
        {
            CheckSize(facts.SizeBytes, text, Add);
        }

        return new VolumeInfo(facts.Name, uuid, facts.SizeBytes, tags, text, new([.. problems]));
    }

    private static void CheckProgress(VolumeTags tags, Action<VolumeProblemKind, string> add)
    {
        if (tags.Initializing)
        {
            add(VolumeProblemKind.Initializing, "its creation has not ended; if nobody is creating it now, delete it");
            return;
        }

        if (tags.Removal != RemovalMark.None)
        {
            add(VolumeProblemKind.BeingRemoved, "its removal has begun; it ends when no host can write to it");
        }

        if (tags.MovedFrom is { } source)
        {
            add(VolumeProblemKind.Arriving, $"it is being moved here from domain {source} and is usable when it is gone from there; ask 'spm volume move' again, which goes on. If that domain is lost for good, take the tag {VolumeTags.MovedPrefix}{source} away (lvchange --deltag) and say '--legality legal'");
        }

        var missing = string.Join(", ", new[] { tags.Image is null ? "IU_" : null, tags.Parent is null ? "PU_" : null, tags.Slot is null ? "MD_" : null }.OfType<string>());
        if (missing.Length > 0)
        {
            add(VolumeProblemKind.MissingTag, $"it lacks the tag(s) {missing}");
        }
    }

    private static void CheckSlot(Guid domain, Guid uuid, int number, VolumeTags tags, SlotReading? reading, Action<VolumeProblemKind, string> add)
    {
        if (reading is null)
        {
            add(VolumeProblemKind.UnreadableSlot, $"slot {number} could not be read");
            return;
        }

        if (reading.Slot is not { } slot)
        {
            add(VolumeProblemKind.UnreadableSlot, $"slot {number} is not believed: {Explanation.Of(reading.Error, reading.Key)}");
        }
        else
        {
            if (slot.Domain != domain || (tags.Image is { } image && slot.Image != image))
            {
                add(VolumeProblemKind.SlotOfAnother, $"slot {number} is about image {slot.Image} of domain {slot.Domain}, the tags are not; the slot was written for another volume");
            }

            if (tags.Parent is { } parent && parent != slot.Parent)
            {
                add(VolumeProblemKind.ParentsDiffer, $"the tag names parent {parent}, slot {number} names {slot.Parent}; the slot counts");
            }

            if (slot.Legality != VolumeLegality.Legal && tags.MovedFrom is null)
            {
                add(VolumeProblemKind.Illegal, $"slot {number} says {slot.Legality}: an operation on its content has not ended");
            }
        }

        CheckRecord(uuid, number, reading, add);
    }

    private static void CheckRecord(Guid uuid, int number, SlotReading reading, Action<VolumeProblemKind, string> add)
    {
        if (reading.Agreement == SlotAgreement.AgreesWithPrevious)
        {
            add(VolumeProblemKind.ChangeNotFinished, $"a change of slot {number} was announced and did not happen; the text of before counts");
        }
        else if (reading.Agreement is not (SlotAgreement.Agrees or SlotAgreement.NoRecord))
        {
            add(VolumeProblemKind.RecordContradicts, $"the record beside slot {number} does not confirm it: {Contradiction(reading)}");
        }
        else if (reading.Record is { } record && record.Volume != uuid)
        {
            // The slot was handed to another volume by somebody who writes no records, or a write went astray.
            add(VolumeProblemKind.SlotOfAnother, $"slot {number} was last written for volume {record.Volume}");
        }
    }

    private static string Contradiction(SlotReading reading) => reading.Agreement switch
    {
        SlotAgreement.OtherSlot => $"it was made for slot {reading.Record?.Slot}; a write went astray",
        SlotAgreement.OtherDomain => $"it was made in domain {reading.Record?.Domain}; the LUN may be a copy",
        SlotAgreement.DamagedRecord => Explanation.Of(reading.RecordError),
        _ => "the text was written later by another program, or is damaged; compare it with the qcow2 header",
    };

    private static void CheckSize(long sizeBytes, VolumeSlot slot, Action<VolumeProblemKind, string> add)
    {
        if (slot.Format == VolumeFormat.Raw && sizeBytes < slot.CapacityBytes)
        {
            add(VolumeProblemKind.SizeMismatch, $"it is raw with a capacity of {SizeText.Format(slot.CapacityBytes)}, but its LV has only {SizeText.Format(sizeBytes)}: another program cut it. 'spm metadata restore' brings a kept text back; lvextend gives it other extents, with whatever lies in them");
        }
        else if (slot.Format == VolumeFormat.Cow && sizeBytes > CowSizes.MaximumBytes(slot.CapacityBytes))
        {
            add(VolumeProblemKind.SizeMismatch, $"its LV of {SizeText.Format(sizeBytes)} is larger than {SizeText.Format(CowSizes.MaximumBytes(slot.CapacityBytes))}, the most it can need");
        }
    }
}
