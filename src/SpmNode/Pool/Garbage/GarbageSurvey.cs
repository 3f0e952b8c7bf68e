using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;
using OvirtSpm.Volumes.Xleases;

namespace OvirtSpm.Node.Pool.Garbage;

/// <summary>Judges what is there. Pure; what is not proven to be nobody's is only reported.</summary>
static class GarbageSurvey
{
    public static IReadOnlyList<Garbage> Of(GarbageFacts facts) =>
        [.. Maps(facts), .. facts.Volumes.SelectMany(volume => Volume(facts, volume)), .. Slots(facts), .. Index(facts)];

    static IEnumerable<Garbage> Volume(GarbageFacts facts, VolumeInfo volume)
    {
        if (volume.Uuid == Guid.Empty)
        {
            yield return new Garbage.Reported("volume", volume.Name, "its name is no uuid: not of this program, nor of oVirt; left alone");
            yield break;
        }
        if (volume.Tags.Initializing || volume.Tags.Removal != RemovalMark.None)
        {
            yield return Unfinished(facts, volume);
            yield break;
        }
        foreach (var problem in volume.Problems)
        {
            yield return new Garbage.Reported("volume", volume.Name, problem.Text);
        }
    }

    static Garbage Unfinished(GarbageFacts facts, VolumeInfo volume)
    {
        var (kind, what) = volume.Tags.Initializing ? ("creation", "its creation did not end") : ("removal", "it is marked as removed");
        Garbage Left(string why) => new Garbage.Reported(kind, volume.Name, $"{what}; {why}");
        if (volume.Has(VolumeProblemKind.WrongTag) || volume.Has(VolumeProblemKind.SharedSlot) || (volume.Tags.Initializing && volume.Tags.Image is not null))
        {
            // Whoever wrote these wrote something else than an operation that was interrupted.
            return Left("and its tags contradict that, each other, or another LV's: look at them (lvs -o +tags)");
        }
        if (facts.Open.Contains(volume.Uuid))
        {
            return Left("the journal has its operation open, and the SPM ends that by itself");
        }
        if (facts.Volumes.FirstOrDefault(other => other.Parent == volume.Uuid) is { } child)
        {
            return Left($"it is the parent of {child.Name}, which has to go first");
        }
        if (!volume.Tags.Initializing && volume.Tags.Slot is null)
        {
            // R10: without the slot no map can say who uses it.
            return Left("it has no MD_ tag, so it cannot be told whether a host uses it");
        }
        // R11: also the map of a host that does not live keeps it.
        return volume.Tags.Slot is { } slot && facts.Maps.UsersOf(slot) is { Count: > 0 } users
            ? Left($"{Say(users)}: 'spm host list' tells about that host")
            : new Garbage.Leftover(volume, $"{what}, no operation on it is open, and no host uses it");
    }

    static IEnumerable<Garbage> Slots(GarbageFacts facts)
    {
        var clear = new List<int>();
        foreach (var slot in facts.FreeSlots)
        {
            var users = facts.Maps.UsersOf(slot.Slot);
            var hasRest = slot.HasText || slot.Lease is LeaseFact.Free or LeaseFact.Damaged;
            if (slot.Lease == LeaseFact.Held)
            {
                yield return new Garbage.Reported("slots", $"slot {slot.Slot}", "no volume has it, and its lease names an owner; the next volume in this slot gets a new one");
            }
            else if (hasRest && users.Count == 0)
            {
                clear.Add(slot.Slot);
            }
            else if (users.Any(user => user.Use != SlotUse.Unreadable && !OfflineJoin.IsOffline(user.Host, null)))
            {
                // R11: a volume that the metadata have lost may still be written to.
                yield return new Garbage.Reported("slots", $"slot {slot.Slot}", $"no volume has it, but {Say(users)}");
            }
        }
        if (clear.Count > 0)
        {
            yield return new Garbage.Slots([.. clear], "they describe volumes that are gone; harmless, the next volume there overwrites it");
        }
    }

    static IEnumerable<Garbage> Index(GarbageFacts facts)
    {
        if (facts.IndexError is not (XleasesError.None or XleasesError.Empty))
        {
            yield return new Garbage.Reported("lease", "the index of 'xleases'", LeaseIndexStore.Explain(facts.IndexError));
        }
        if (facts.IndexError != XleasesError.None)
        {
            yield break;
        }
        foreach (var at in facts.Index)
        {
            if (at.Record is { IsFree: false } named && at.Lease == LeaseFact.None && named != XleasesRecord.Keeping(at.Number))
            {
                yield return new Garbage.IndexRecord(at.Number, named.Name, $"it names '{named.Name}', and no lease lies there");
            }
            else if (at.Record is { IsFree: true } && at.Lease is LeaseFact.Free or LeaseFact.Held)
            {
                yield return new Garbage.Reported("lease", $"record {at.Number} of 'xleases'", $"the lease '{at.LeaseName}' lies there, and nothing names it; 'spm lease rebuild-index' makes it found again");
            }
        }
    }

    static IEnumerable<Garbage> Maps(GarbageFacts facts)
    {
        for (var host = 1; host <= SpmLayout.Hosts; host++)
        {
            var map = facts.Maps.Of(host);
            if (!map.IsReadable)
            {
                // R11
                yield return new Garbage.Reported(
                    "activation", $"host id {host}",
                    $"its map cannot be believed ({Explanation.Of(map.Parts.First(part => part.Sector is null).Error)}), so every volume counts as in use there; 'spm host confirm-dead {host}' when that machine is off");
            }
            else if (!map.IsIdle && OfflineJoin.IsOffline(host, null))
            {
                yield return new Garbage.OfflineEntries(host, $"an offline verb works on {SlotRanges.Say(map.Active().Select(entry => entry.Slot))}, or was killed while it did");
            }
        }
    }

    static string Say(IReadOnlyList<SlotUser> users) => string.Join(", ", users.Select(user => user.Use switch
    {
        SlotUse.Unreadable => $"the map of host id {user.Host} cannot be believed",
        SlotUse.Working => $"host id {user.Host} works on it",
        _ => $"it is active on host id {user.Host}",
    }));
}
