using OvirtSpm.Node.Api;
using OvirtSpm.Volumes;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>What a person says of a volume against what an interrupted operation left there: one write of its slot.</summary>
sealed class ImageFacts(ImageWork work)
{
    public async Task<VolumeInfo> SetAsync(VolumeInfo volume, VolumeChange.Set change)
    {
        if (change is { Description: null, Legality: null, NextGeneration: false })
        {
            throw Refusal.Invalid("what is to change? Give --description, --legality or --next-generation.");
        }
        var legality = change.Legality?.ToLowerInvariant() switch
        {
            null => (VolumeLegality?)null,
            "legal" => VolumeLegality.Legal,
            "illegal" => VolumeLegality.Illegal,
            _ => throw Refusal.Invalid($"legality '{change.Legality}' is unknown; 'legal' and 'illegal' are possible."),
        };
        using var locked = work.Locks.Take([volume.Uuid]);
        // A description changes nothing for a guest; what makes a volume unusable, or usable, waits until nobody uses it.
        await using var hold = legality is null && !change.NextGeneration ? null : await work.HoldAsync([volume]);
        volume = ImageWork.Expect(work.Find(volume.Name), change.ExpectedGeneration);
        var slot = volume.Slot ?? throw Refusal.Conflict($"volume {volume.Name} has no slot that can be believed; 'spm domain check --lun' tells why.");
        if (!volume.Tags.IsUsable)
        {
            throw Refusal.Conflict($"volume {volume.Name} is not changed: {string.Join("; ", volume.Problems.Select(p => p.Text))}.");
        }
        if (legality is not null && work.IsInUse(volume))
        {
            // A merge that goes on takes LEGAL for "not begun": half of it would be forgotten.
            throw Refusal.Unavailable($"volume {volume.Name} is part of an operation that is not finished. 'spm journal show' says what it waits for.");
        }
        VolumeSlot Changed(VolumeSlot now)
        {
            var next = now with { Description = change.Description ?? now.Description, Legality = legality ?? now.Legality };
            return change.NextGeneration || change.ExpectedGeneration is not null ? next.WithNextGeneration() : next;
        }
        if (Changed(slot).Write(new byte[SlotGeometry.TextBytes]) is var error && error != SlotError.None)
        {
            throw Refusal.Invalid($"the description does not fit the volume's slot ({Explanation.Of(error, "")}). It is one line of at most {VolumeSlot.MaximumDescriptionCharacters} characters.");
        }
        volume = await work.WriteSlotAsync(volume, Changed);
        work.Fenced(volume.Name);
        return volume;
    }
}
