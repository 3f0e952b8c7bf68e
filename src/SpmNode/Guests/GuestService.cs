using System.Collections.Concurrent;
using OvirtSpm.Monitor;
using OvirtSpm.Monitor.Guests;
using OvirtSpm.Monitor.Qmp;
using OvirtSpm.Monitor.Watermark;
using OvirtSpm.Node.Api;
using GrowthPolicy = OvirtSpm.Volumes.Sizes.GrowthPolicy;

namespace OvirtSpm.Node.Guests;

/// <summary>The guests this node watches: one loop each.</summary>
sealed class GuestService(
    Func<string, IQmpTransport> transport, Func<string, VolumeKey?> volumeOfSocket, IExtendRequests requests, GrowthPolicy policy,
    TimeProvider clock, MonitorInstruments instruments)
{
    readonly ConcurrentDictionary<string, Watched> guests = [];

    public IReadOnlyList<GuestReply> Guests() => [.. guests.Values.Select(guest => guest.Describe()).OrderBy(guest => guest.Name, StringComparer.Ordinal)];

    /// <summary>Begins to watch a guest; asking twice is harmless.</summary>
    public GuestReply Watch(WatchGuestRequest request)
    {
        if (string.IsNullOrWhiteSpace(request.Qmp) || !Path.IsPathRooted(request.Qmp))
        {
            throw Refusal.Invalid($"'{request.Qmp}' is not the path of a QMP socket: give the full path that QEMU was started with (-qmp unix:PATH,server=on,wait=off).");
        }
        var name = request.Name is { Length: > 0 } given ? given : Path.GetFileNameWithoutExtension(request.Qmp);
        Watched guest;
        lock (guests)
        {
            // Two askers at once would start two loops, and one of them would never be stopped.
            guest = guests.GetOrAdd(name, _ => Start(name, request.Qmp));
        }
        return guest.Qmp == request.Qmp
            ? guest.Describe()
            : throw Refusal.Conflict($"a guest '{name}' is watched at {guest.Qmp} already. Give this one another name.");
    }

    public async Task ForgetAsync(string name)
    {
        if (!guests.TryRemove(name, out var guest))
        {
            throw Refusal.NotFound($"no guest '{name}' is watched here.");
        }
        await guest.StopAsync();
    }

    public async Task StopAsync()
    {
        foreach (var name in guests.Keys)
        {
            if (guests.TryRemove(name, out var guest))
            {
                await guest.StopAsync();
            }
        }
    }

    /// <summary>A volume became larger by another way (a held write, a person): the watch moves its threshold.</summary>
    public void Grew(VolumeKey volume, long allocatedBytes)
    {
        foreach (var guest in guests.Values)
        {
            guest.Watch.VolumeGrew(volume, allocatedBytes);
        }
    }

    /// <summary>How a volume grows, by what its guest was seen to do; null when none is watched here that has it.</summary>
    public GrowthReply? GrowthOf(Guid volume) => guests.Values.Select(guest => guest.Disk(volume)).OfType<DiskState>().FirstOrDefault() is { } disk ? Weigh(disk) : null;

    GrowthReply Weigh(DiskState disk)
    {
        var weighed = policy.Weigh(disk.BytesPerSecond, disk.ExtendLatency);
        return new GrowthReply(
            weighed.BytesPerSecond, weighed.Latency.TotalSeconds, weighed.Factor, weighed.AwaitedBytes, weighed.MinimumWatermarkBytes, weighed.WatermarkBytes,
            weighed.Span.TotalSeconds, weighed.LastingBytes, weighed.MinimumChunkBytes, weighed.MaximumChunkBytes, weighed.ChunkBytes,
            weighed.IsMeasured ? $"measured: highest write by QEMU's threshold events and looks, slowest of the recent {disk.Extends} extends"
                : "not measured yet: the minimum");
    }

    Watched Start(string name, string qmp)
    {
        var watch = new GuestWatch(
            transport(qmp), node => (node.NbdSocketPath ?? node.DevicePath) is { } path ? volumeOfSocket(path) : null, requests, Decide, clock, instruments);
        return new Watched(name, qmp, watch, Weigh);
    }

    GrowthDecision Decide(GrowthInput input)
    {
        // The threshold belongs to the size of now; the target is what is asked for once it is passed.
        var step = policy.Next(input.AllocatedBytes, input.MaximumBytes, input.BytesPerSecond, input.ExtendLatency, input.HighestWrittenBytes);
        return new GrowthDecision(
            step.TargetBytes, policy.ThresholdBytes(input.AllocatedBytes, input.MaximumBytes, input.BytesPerSecond, input.ExtendLatency));
    }

    sealed class Watched
    {
        /// <summary>More than the longest measurement asks for; the histogram keeps the rest.</summary>
        const int LatenciesKept = 4096;

        readonly CancellationTokenSource stop = new();
        readonly Dictionary<VolumeKey, (long Extends, List<double> Milliseconds)> history = [];
        readonly Lock guard = new();
        readonly Task running;
        readonly Func<DiskState, GrowthReply> weigh;

        public Watched(string name, string qmp, GuestWatch watch, Func<DiskState, GrowthReply> weigh)
        {
            (Name, Qmp, Watch, this.weigh) = (name, qmp, watch, weigh);
            watch.Changed += Remember;
            running = watch.RunAsync(stop.Token);
        }

        public string Name { get; }

        public string Qmp { get; }

        public GuestWatch Watch { get; }

        public async Task StopAsync()
        {
            stop.Cancel();
            await running;
            stop.Dispose();
        }

        public GuestReply Describe()
        {
            var state = Watch.State;
            lock (guard)
            {
                return new GuestReply(
                    Name, Qmp, state.Connected ? state.RunStatus : $"not connected: {state.Detail}", [.. state.Disks.Select(Describe)]);
            }
        }

        public DiskState? Disk(Guid volume) => Watch.State.Disks.FirstOrDefault(disk => disk.Volume.Volume == volume);

        GuestDiskReply Describe(DiskState disk) => new(
            disk.Volume.Volume.ToString(), disk.PausedForSpace ? "paused" : disk.Phase.ToString().ToLowerInvariant(), disk.AllocatedBytes,
            disk.HighestWrittenBytes, disk.ThresholdBytes, (int)disk.Extends, disk.LastLatency?.TotalMilliseconds,
            disk.Detail.Length > 0 ? disk.Detail : null, history.TryGetValue(disk.Volume, out var seen) ? [.. seen.Milliseconds] : [], weigh(disk));

        /// <summary>Called from the loop after every change: each extend is seen once.</summary>
        void Remember(GuestState state)
        {
            lock (guard)
            {
                foreach (var disk in state.Disks.Where(disk => disk.LastLatency is not null))
                {
                    var seen = history.GetValueOrDefault(disk.Volume, (0, []));
                    if (disk.Extends > seen.Extends)
                    {
                        if (seen.Milliseconds.Count == LatenciesKept)
                        {
                            seen.Milliseconds.RemoveAt(0);
                        }
                        seen.Milliseconds.Add(disk.LastLatency!.Value.TotalMilliseconds);
                        history[disk.Volume] = (disk.Extends, seen.Milliseconds);
                    }
                }
            }
        }
    }
}
