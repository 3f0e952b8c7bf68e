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
    Func<string, IQmpTransport> transport, Func<string, VolumeKey?> volumeOfSocket, IExtendRequests requests, IStorageProbe storage, GrowthPolicy policy,
    TimeProvider clock, MonitorInstruments instruments, Action<string> log)
{
    readonly ConcurrentDictionary<string, Watched> guests = [];
    List<WatchGuestRequest>? kept;

    /// <summary>Where it is kept who is watched, so that a node that starts again goes on; null where it is not.</summary>
    public IGuestRoll? Roll { get; init; }

    public IReadOnlyList<GuestReply> Guests() => [.. guests.Values.Select(guest => guest.Describe()).OrderBy(guest => guest.Name, StringComparer.Ordinal)];

    /// <summary>Those that stand because I/O on a disk of this pool failed.</summary>
    public IEnumerable<GuestReply> OnStorageError => guests.Values.Where(guest => guest.Watch.State.StandsOnError).Select(guest => guest.Describe());

    /// <summary>Begins to watch a guest; asking again changes what becomes of it after a storage error.</summary>
    public GuestReply Watch(WatchGuestRequest request)
    {
        Watched guest;
        lock (guests)
        {
            (guest, var begun) = Begin(request);
            Kept().RemoveAll(other => other.Name == begun.Name);
            Kept().Add(begun);
            Write();
        }
        return guest.Describe();
    }

    /// <summary>Goes on with the guests that an earlier life of this node watched.</summary>
    public void Restore()
    {
        lock (guests)
        {
            foreach (var guest in Kept())
            {
                try
                {
                    Begin(guest);
                    log($"guest '{guest.Name}' is watched again");
                }
                catch (Refusal refusal)
                {
                    // Named anew meanwhile, or written by another version.
                    log($"guest '{guest.Name}' is not watched again: {refusal.Message}");
                }
            }
        }
    }

    public async Task ForgetAsync(string name)
    {
        Watched? guest;
        lock (guests)
        {
            // One that an earlier life watched, and this one not yet, is forgotten, too.
            if (!guests.TryRemove(name, out guest) & Kept().RemoveAll(other => other.Name == name) == 0)
            {
                throw Refusal.NotFound($"no guest '{name}' is watched here.");
            }
            Write();
        }
        await (guest?.StopAsync() ?? Task.CompletedTask);
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

    /// <summary>Under the lock of the guests: two askers at once would start two loops, and one of them would never be stopped.</summary>
    /// <returns>And what to ask for to have it watched so.</returns>
    (Watched Guest, WatchGuestRequest Begun) Begin(WatchGuestRequest request)
    {
        if (string.IsNullOrWhiteSpace(request.Qmp) || !Path.IsPathRooted(request.Qmp))
        {
            throw Refusal.Invalid($"'{request.Qmp}' is not the path of a QMP socket: give the full path that QEMU was started with (-qmp unix:PATH,server=on,wait=off).");
        }
        var name = request.Name is { Length: > 0 } given ? given : Path.GetFileNameWithoutExtension(request.Qmp);
        if (name.Length == 0 || name.Contains('/') || name is "." or "..")
        {
            // It is a part of the address by which the guest is forgotten.
            throw Refusal.Invalid($"'{name}' cannot be a guest's name: give one without '/' (--name).");
        }
        if (guests.TryGetValue(name, out var known) && known.Qmp != request.Qmp)
        {
            throw Refusal.Conflict($"a guest '{name}' is watched at {known.Qmp} already. Give this one another name.");
        }
        var pauses = ResumeBehaviors.Policy(request, Before(name, request.Qmp));
        var guest = guests.GetOrAdd(name, _ => Start(name, request.Qmp, pauses));
        known?.Watch.Use(pauses);
        return (guest, ResumeBehaviors.Request(request.Qmp, name, pauses));
    }

    /// <summary>What was asked for last: a guest's loop may not have got to it yet, and one of an earlier life may have no loop yet.</summary>
    PausePolicy? Before(string name, string qmp)
    {
        try
        {
            return Kept().FirstOrDefault(guest => guest.Name == name && guest.Qmp == qmp) is { } asked ? ResumeBehaviors.Policy(asked, null) : null;
        }
        catch (Refusal)
        {
            // Written by another version.
            return null;
        }
    }

    /// <summary>Under the lock of the guests. Read once: a file that cannot be read later must not take those along that it still names.</summary>
    List<WatchGuestRequest> Kept()
    {
        if (kept is null)
        {
            kept = [];
            try
            {
                kept.AddRange(Roll?.Read() ?? []);
            }
            catch (IOException failed)
            {
                log($"who was watched before is not known, have each guest watched again: {failed.Message}");
            }
        }
        return kept;
    }

    void Write()
    {
        try
        {
            Roll?.Write(Kept());
        }
        catch (IOException failed)
        {
            log($"a node that starts again will not know who is watched: {failed.Message}");
        }
    }

    Watched Start(string name, string qmp, PausePolicy pauses)
    {
        var watch = new GuestWatch(
            transport(qmp), node => (node.NbdSocketPath ?? node.DevicePath) is { } path ? volumeOfSocket(path) : null, requests, storage, Decide, clock, instruments,
            GuestWatchOptions.Default with { Pauses = pauses });
        return new Watched(name, qmp, watch, Weigh, log);
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
        readonly Action<string> log;
        bool stood;

        public Watched(string name, string qmp, GuestWatch watch, Func<DiskState, GrowthReply> weigh, Action<string> log)
        {
            (Name, Qmp, Watch, this.weigh, this.log) = (name, qmp, watch, weigh, log);
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
                    Name, Qmp, state.Connected ? state.RunStatus : $"not connected: {state.Detail}", [.. state.Disks.Select(Describe)],
                    state is { Connected: true, Detail.Length: > 0 } ? state.Detail : null, state.StandsOnError, ResumeBehaviors.Name(state.Policy.Behavior),
                    state.Policy.Behavior is ResumeBehavior.Kill ? state.Policy.KillAfter.TotalSeconds : null);
            }
        }

        public DiskState? Disk(Guid volume) => Watch.State.Disks.FirstOrDefault(disk => disk.Volume.Volume == volume);

        GuestDiskReply Describe(DiskState disk) => new(
            disk.Volume.Volume.ToString(), disk.PausedForSpace ? "paused" : disk.Failed ? "failed" : disk.Phase.ToString().ToLowerInvariant(), disk.AllocatedBytes,
            disk.HighestWrittenBytes, disk.ThresholdBytes, (int)disk.Extends, disk.LastLatency?.TotalMilliseconds,
            disk.Detail.Length > 0 ? disk.Detail : null, history.TryGetValue(disk.Volume, out var seen) ? [.. seen.Milliseconds] : [], weigh(disk));

        /// <summary>Called from the loop after every change: each extend is seen once.</summary>
        void Remember(GuestState state)
        {
            lock (guard)
            {
                if (state.StandsOnError != stood)
                {
                    stood = state.StandsOnError;
                    log($"guest '{Name}' {(stood ? $"stands on a storage error; its resume behavior is {ResumeBehaviors.Name(state.Policy.Behavior)}"
                        : state.Connected ? $"stands on no storage error any more: {state.RunStatus}" : state.Detail)}");
                }
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
