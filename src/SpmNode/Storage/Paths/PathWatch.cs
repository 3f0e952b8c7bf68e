using OvirtSpm.Leases;

namespace OvirtSpm.Node.Storage.Paths;

/// <summary>Looks after the paths to the domain's devices, for people: nothing here decides what is written.</summary>
/// <param name="devices">Paths of all devices that this host uses now.</param>
sealed class PathWatch(IMultipath multipath, Func<IReadOnlyList<string>> devices, LeaseTiming timing, TimeProvider clock, Action<string> log)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>What multipathd says changes when somebody configures it.</summary>
    static readonly TimeSpan LimitInterval = TimeSpan.FromMinutes(1);

    readonly Dictionary<string, (QueueLimit Limit, TimeSpan At)> limits = [];

    /// <summary>Devices that are multipath devices; a device with one path only is not here.</summary>
    public IReadOnlyList<WatchedDevice> Current { get; private set; } = [];

    public IEnumerable<string> Warnings => Current.SelectMany(device => device.Warnings(timing));

    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await LookAsync(stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            await Pause.ForAsync(Interval, clock, stop);
        }
    }

    public async Task LookAsync(CancellationToken stop)
    {
        var seen = new List<WatchedDevice>();
        foreach (var device in devices())
        {
            if (multipath.Find(device) is { } map)
            {
                seen.Add(new WatchedDevice(device, map, await LimitAsync(map, stop)));
            }
        }
        foreach (var now in seen)
        {
            Tell(Current.FirstOrDefault(one => one.Device == now.Device), now);
        }
        Current = seen;
    }

    async Task<QueueLimit> LimitAsync(MultipathMap map, CancellationToken stop)
    {
        var now = clock.GetElapsedTime(0);
        if (limits.TryGetValue(map.Name, out var known) && now - known.At < LimitInterval)
        {
            return known.Limit;
        }
        var limit = await multipath.QueueLimitAsync(map, stop);
        if (limit is QueueLimit.Unknown && known.Limit is QueueLimit.For && map.Usable == 0)
        {
            // While there is no path it says what is left, not what it was told.
            limit = known.Limit;
        }
        limits[map.Name] = (limit, now);
        return limit;
    }

    void Tell(WatchedDevice? before, WatchedDevice now)
    {
        foreach (var path in now.Map.Paths)
        {
            var was = before?.Map.Paths.FirstOrDefault(one => one.Number == path.Number);
            if (path.IsUsable != (was?.IsUsable ?? true))
            {
                log($"{now.Device}: path {path.Name} {(path.IsUsable ? "is back" : "failed")}, {now.Map.Usable} of {now.Map.Paths.Count} usable");
            }
        }
        if (QueueAdvice.For(now.Map.Name, now.Limit, timing) is { } advice && (before is null || before.Limit != now.Limit))
        {
            log(advice);
        }
    }
}
