using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Node.Storage;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Pool;

/// <summary>Follows the pool's space on the SPM: told of the group after each commit and each scrub, says each crossing once.</summary>
sealed class SpaceMonitor(DomainDevices devices, TimeProvider clock, Action<string> log)
{
    readonly Lock guard = new();
    SpaceWatch watch = SpaceWatch.Start;

    public SpaceWatch Watch
    {
        get
        {
            lock (guard)
            {
                return watch;
            }
        }
    }

    public void Saw(VolumeGroup group)
    {
        var space = SpaceRules.Of(group, devices);
        (SpaceLevel Before, SpaceWatch Now) step;
        lock (guard)
        {
            step = (watch.Level, watch = watch.Step(space, TimeSpan.FromMilliseconds(clock.GetTimestamp() * 1000.0 / clock.TimestampFrequency)));
        }
        if (step.Now.Level > step.Before)
        {
            log($"space: {Say(space, step.Now)}");
        }
        else if (step.Now.Level < step.Before)
        {
            log($"space: better again: {SizeText.Format(space.FreeBytes)} of {SizeText.Format(space.SizeBytes)} are free");
        }
    }

    /// <summary>For people; null while there is nothing to warn of.</summary>
    public static string? Warning(PoolSpace space, SpaceWatch watch) => watch.Level == SpaceLevel.Ample ? null : Say(space, watch);

    static string Elsewhere(PoolSpace space) => space.UnseenBytes == 0 ? "" : $" ({SizeText.Format(space.UnseenBytes)} more on devices that this host does not see)";

    static string Say(PoolSpace space, SpaceWatch watch)
    {
        var free = $"{SizeText.Format(space.FreeBytes)} of {SizeText.Format(space.SizeBytes)} are free{Elsewhere(space)}";
        return watch.Level switch
        {
            SpaceLevel.Full => $"the pool is full{Elsewhere(space)}: guests that need space pause. Delete volumes or add a device",
            SpaceLevel.Reserve => $"{free}, kept for running guests: new volumes are refused. Delete volumes or add a device",
            SpaceLevel.Soon when watch.TimeToFull(space) is { } left => $"{free}, enough for about {left.TotalMinutes:0} minutes at {SizeText.Format((long)watch.BytesPerSecond)} a second. Delete volumes or add a device",
            _ => $"{free}: more than {space.Rules.WarnPercent} % of the pool is allocated, or it soon will be. Delete volumes or add a device",
        };
    }
}
