using System.Collections.Immutable;
using OvirtSpm.Volumes.Domain;

namespace OvirtSpm.Volumes.Volume;

/// <summary>All volumes of a domain, each joined from its LV and its slot.</summary>
public static class VolumeCatalogue
{
    /// <param name="domain">The domain's UUID.</param>
    /// <param name="volumes">Every LV of the group; special ones are passed over.</param>
    /// <param name="readSlot">What slot n says; null when it could not be read from the storage.</param>
    /// <returns>In the order of <paramref name="volumes"/>.</returns>
    public static ImmutableArray<VolumeInfo> Join(Guid domain, IEnumerable<VolumeFacts> volumes, Func<int, SlotReading?> readSlot)
    {
        var parsed = volumes
            .Where(facts => !SpecialVolumes.IsSpecial(facts.Name))
            .Select(facts => (Facts: facts, Tags: VolumeTags.Parse(facts.Tags, out var wrong), Wrong: wrong))
            .ToList();
        var users = parsed.Where(entry => entry.Tags.Slot is not null).ToLookup(entry => entry.Tags.Slot!.Value, entry => entry.Facts.Name);
        ImmutableArray<VolumeInfo> joined =
        [
            .. parsed.Select(entry =>
            {
                var reading = entry.Tags.Slot is { } slot ? readSlot(slot) : null;
                return VolumeJoin.Join(domain, entry.Facts, entry.Tags, entry.Wrong, reading, users);
            }),
        ];
        return [.. joined.Select(WithChain(joined))];
    }

    /// <summary>What can only be seen by following the parents.</summary>
    private static Func<VolumeInfo, VolumeInfo> WithChain(ImmutableArray<VolumeInfo> joined)
    {
        if (joined.All(volume => volume.Parent == Guid.Empty))
        {
            return volume => volume;
        }

        // Two LV names that differ only in case are one UUID; LVM allows them.
        var byUuid = joined.Where(volume => volume.Uuid != Guid.Empty).DistinctBy(volume => volume.Uuid).ToDictionary(volume => volume.Uuid);
        return volume => volume.Parent != Guid.Empty && ImageChain.Of(volume, byUuid.GetValueOrDefault) is ImageChain.Broken broken
                ? volume with { Problems = new([.. volume.Problems, new VolumeProblem(broken.Kind, broken.Text)]) }
                : volume;
    }

    /// <summary>The slots that are taken, by whatever LV names them: also of those being created or removed.</summary>
    public static IEnumerable<int> TakenSlots(IEnumerable<VolumeFacts> volumes) =>
        volumes.Select(facts => VolumeTags.Parse(facts.Tags, out _).Slot).OfType<int>();

    internal static Guid Uuid(string name) => Guid.TryParseExact(name, "D", out var uuid) ? uuid : Guid.Empty;
}
