using System.Reflection;
using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata.Mapping;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Monitor;
using OvirtSpm.Monitor.Watermark;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Activation.Images;
using OvirtSpm.Node.Activation.Mapped;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Dashboard;
using OvirtSpm.Node.Guests;
using OvirtSpm.Node.LeaseService;
using OvirtSpm.Node.Linux;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Storage.Paths;
using OvirtSpm.Volumes.Foreign;
using OvirtSpm.Volumes.SpmVolume;
using OvirtSpm.Volumes.Volume;
using GrowthPolicy = OvirtSpm.Volumes.Sizes.GrowthPolicy;

namespace OvirtSpm.Node;

/// <summary>The one place where ports meet the kernel.</summary>
static class NodeComposition
{
    static readonly TimeSpan PeerTimeout = TimeSpan.FromSeconds(5);

    public static readonly TimeProvider BootClock = new BootTimeProvider();

    public static readonly IChoice Choice = new SystemChoice();

    /// <summary>For verbs that run without a node; what killed ones left there is removed first.</summary>
    static readonly Lazy<string> Scratch = new(() =>
    {
        QemuImager.RemoveLeftovers(Path.GetTempPath());
        return Path.GetTempPath();
    });

    static string Build => typeof(NodeComposition).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    /// <param name="path">Of a device or an image file, or <c>wwid:</c> and a LUN's own name.</param>
    /// <param name="devices">Where the domain's other devices are looked for, beside where the host that added them saw them.</param>
    public static ILun OpenLun(string path, bool readOnly, int? sectorSize = null, long minimumBytes = 0, IReadOnlyList<string>? devices = null)
    {
        var byWwid = new LunByWwid();
        var first = byWwid.PathOf(path);
        IReadOnlyList<string> others = [.. (devices ?? []).Concat(KnownDevices).Select(byWwid.PathOf)];
        return new LunSet(Lun.Open(first, readOnly, sectorSize, minimumBytes), new DeviceFinder(others, first, readOnly, sectorSize), BootClock);
    }

    /// <summary>For verbs that take no option of their own.</summary>
    static string[] KnownDevices => Environment.GetEnvironmentVariable("SPM_DEVICES")?.Split(':', StringSplitOptions.RemoveEmptyEntries) ?? [];

    public static IImageFile OpenImage(string path) => ImageFile.Open(path);

    public static DomainCreator Creator(ILun lun) => new(lun, BootClock, Choice, Environment.MachineName);

    /// <summary>Reading verbs on a LUN.</summary>
    public static IPoolVerbs OpenReader(string path, int? sectorSize = null) => new LunReader(OpenLun(path, readOnly: true, sectorSize));

    public static async Task<Api.JournalReply> ReadJournalAsync(string path, int? sectorSize)
    {
        await using var reader = new LunReader(OpenLun(path, readOnly: true, sectorSize));
        return await reader.JournalAsync();
    }

    /// <summary>Writing verbs on a LUN without a node.</summary>
    public static IPoolVerbs OpenOfflineVerbs(string path, bool wait, int? sectorSize = null, IReadOnlyList<string>? devices = null) =>
        new OfflineVerbs(OpenLun(path, readOnly: false, sectorSize, devices: devices), OfflinePorts(), wait);

    /// <summary>Disks in and out of a LUN without a node.</summary>
    public static ITransferVerbs OpenOfflineTransfer(string path, bool wait, int? sectorSize = null) =>
        new OfflineTransfer(OpenLun(path, readOnly: false, sectorSize), OfflinePorts(), wait);

    /// <summary>Disks in and out of a pool through its nodes; the files are this host's.</summary>
    public static ITransferVerbs OpenRemoteTransfer(string url) => new RemoteTransfer(
        url,
        (source, stop) => QemuTransfer.OpenAsync(new UnixVolumeServer(), Scratch.Value, source, BootClock, stop),
        async (raw, path, format, progress, stop) =>
        {
            using var source = await ImageSource.OpenAsync(raw, DiskFormat.Raw, OpenImage(raw));
            await QemuTransfer.ConvertAsync(new UnixVolumeServer(), Scratch.Value, source, path, format, progress, stop);
        });

    /// <summary>What a file needs as a volume of a domain with oVirt's extents.</summary>
    public static async Task<MeasureReply> MeasureAsync(ImageSource source, CancellationToken stop) => Needs.Of(
        source.VirtualSizeBytes, await QemuTransfer.MeasureAsync(new UnixVolumeServer(), Scratch.Value, source, VolumeFormat.Cow, stop),
        GrowthPolicy.Default, Volumes.Domain.DomainLimits.ExtentBytes);

    /// <summary>Changes named leases as the SPM, without a node.</summary>
    public static async Task<T> ChangeLeasesAsync<T>(string path, bool wait, int? sectorSize, Func<LeaseCreation, Task<T>> change, CancellationToken stop)
    {
        using var lun = OpenLun(path, readOnly: false, sectorSize);
        await using var pool = await OfflinePool.OpenAsync(lun, OfflinePorts(), wait, stop);
        return await change(new LeaseCreation(await PoolDomain.OpenAsync(lun), pool.Fence, TimeProvider.System));
    }

    /// <summary>Moves a volume between two domains, as the SPM of both.</summary>
    public static async Task<Api.VolumeReply> MoveAsync(string path, string to, int? sectorSize, string volume, bool wait, IProgress<double> progress, CancellationToken stop)
    {
        using var source = OpenLun(path, readOnly: false, sectorSize);
        using var target = OpenLun(to, readOnly: false, sectorSize);
        return await OfflineMove.RunAsync(source, target, OfflinePorts(), volume, wait, progress, stop);
    }

    /// <summary>Makes a kept text of the metadata current again, as the SPM of a domain that nobody uses.</summary>
    public static async Task<VolumeGroup> RestoreMetadataAsync(string path, int? sectorSize, VolumeGroup kept, bool wait, CancellationToken stop)
    {
        using var lun = OpenLun(path, readOnly: false, sectorSize);
        return await OfflineRestore.RunAsync(lun, OfflinePorts(), kept, wait, stop);
    }

    /// <summary>Makes a domain of oVirt one that may be led from here.</summary>
    public static async Task<PoolDomain> AdoptAsync(ILun lun, AdoptionOptions options, CancellationToken stop) =>
        await OfflineAdoption.RunAsync(lun, OfflinePorts(), options, stop);

    /// <summary>Gives a domain back to oVirt.</summary>
    public static async Task ReleaseDomainAsync(string path, int? sectorSize, bool wait, CancellationToken stop) =>
        await OfflineRelease.RunAsync(() => OpenLun(path, readOnly: false, sectorSize), OfflinePorts(), wait, stop);

    /// <summary>Takes the space in by which a domain's devices became larger.</summary>
    public static async Task<IReadOnlyList<Api.ResizeDeviceReply>> ResizeDevicesAsync(string path, int? sectorSize, IReadOnlyList<string>? devices, CancellationToken stop) =>
        await OfflineResize.RunAsync(() => OpenLun(path, readOnly: false, sectorSize, devices: devices), OfflinePorts(), stop);

    /// <summary>Acts as a host of the pool that holds a host id for verbs, and nothing else.</summary>
    public static async Task<T> AsOfflineHostAsync<T>(string path, int? sectorSize, Func<PoolDomain, Membership, Task<T>> act, CancellationToken stop)
    {
        using var lun = OpenLun(path, readOnly: false, sectorSize);
        return await OfflineHost.RunAsync(lun, OfflinePorts(), act, stop);
    }

    /// <summary>Takes a named lease without a node.</summary>
    public static async Task<OfflineLease> TakeLeaseAsync(string path, int? sectorSize, string name, TimeSpan wait, Action<string> say, CancellationToken stop, bool onlyFromTheDead = false)
    {
        var lun = OpenLun(path, readOnly: false, sectorSize);
        try
        {
            return await OfflineLease.TakeAsync(lun, OfflinePorts() with { Say = say }, name, wait, stop, onlyFromTheDead);
        }
        catch
        {
            lun.Dispose();
            throw;
        }
    }

    public static HostNode CreateNode(
        NodeOptions options, PoolDomain domain, string url, NodeMetrics metrics, Action<string> log, out INodeVerbs verbs, MetricsCollector collector)
    {
        var identity = new HostIdentity(options.HostId, options.Name!, options.State, MachineId.Read(options.State), BootId.Read(), url, Build);
        var health = new HostHealth(domain.Timing, BootClock, new LeaseMetrics(metrics));
        var (kind, watchdog) = Watchdog(options, domain, log);
        var guard = new TermGuard(kind, watchdog, options.KillTimer ? new KillTimer() : null, domain.Timing.Expiry, health);
        var membership = new Membership(domain, identity, domain.Timing, BootClock, Choice, guard: guard);
        var mapped = Maps(options, domain);
        var maps = new ActivationMaps(domain, identity.HostId, identity.MapOwner)
        {
            IsMapped = slot => mapped?.StillMaps(domain.Latest, slot) ?? false,
        };
        var server = new UnixVolumeServer();
        var policy = GrowthPolicy.Default with { ExtentBytes = domain.Group.ExtentSizeBytes, MinimumChunkBytes = domain.Group.ExtentSizeBytes, MinimumWatermarkBytes = domain.Group.ExtentSizeBytes / 2 };
        var sockets = SocketDirectory(options, domain);
        QemuImager.RemoveLeftovers(sockets);
        HostNode? node = null;
        var peers = new HttpClusterTransport(PeerTimeout);
        var growth = new VolumeGrowth(
            domain.Uuid, membership, () => node!.Activator, peers, () => node!.Leader(), policy)
        {
            Ids = new RequestIds(options.HostId, RandomIdentity.Guid(Choice)),
        };
        var activator = new VolumeActivator(
            domain, membership, maps, server, volume => growth.ForHeldWrites(volume, size => node!.Guests.Grew(new VolumeKey(domain.Uuid, volume), size)),
            sockets, TimeSpan.FromSeconds(options.HoldLimitSeconds), BootClock, new ExportMetrics(metrics.Meter), log) { Mapped = mapped };
        var guests = new GuestService(
            path => new UnixQmpTransport(path), path => activator.FindBySocket(path) is { } active ? new VolumeKey(domain.Uuid, active.Volume) : null,
            growth, new StorageProbe(domain.Uuid, membership, maps, () => node!.Activator), policy, BootClock, new MonitorInstruments(metrics.Meter), log)
        {
            Roll = new GuestRollFile(sockets, BootId.Read()),
        };
        var space = new SpaceMonitor(domain.Devices, BootClock, log);
        var counters = new PoolCounters
        {
            OnCommit = (requests, took) =>
            {
                metrics.Committed(took, requests);
                health.Committed(took);
            },
            OnForeignWrite = () => metrics.ForeignWrites.Add(1),
            OnStaleWrite = found =>
            {
                metrics.StaleWrites.Add(1);
                log($"a stale write of a former SPM was found and replaced from memory: {found}");
            },
            OnUnknown = () => metrics.CommitsUnacknowledged.Add(1),
            OnExtend = metrics.Extended,
            OnGroup = space.Saw,
            OnTakeover = () => metrics.Takeovers.Add(1),
        };
        var imager = new QemuImager(domain, server, sockets, BootClock);
        node = new HostNode(domain, membership, maps, activator, guests, imager, BootClock, Choice, counters, log) { Peers = peers, Health = health, Space = space };
        node.SleepWatch = Sleep(options, domain, node.Sleep, log);
        node.Paths = new PathWatch(new KernelMultipath(new MultipathDaemon(BootClock)), () => domain.Lun.DevicePaths, domain.Timing, BootClock, log);
        metrics.Readings = () => Read(node);
        verbs = new NodeVerbs(node, growth, collector.Collect, new RequestIds(options.HostId, RandomIdentity.Guid(Choice)));
        return node;
    }

    public static Task WarmUpTakeoverAsync() => TakeoverWarmup.RunAsync(BootClock, Choice);

    /// <summary>Looked at also where nothing is mapped: a former life of this node may have mapped what its guests still have open.</summary>
    static VolumeMaps? Maps(NodeOptions options, PoolDomain domain) => options.Activation == "dm"
        ? new VolumeMaps(DeviceMapper.OpenFor(domain.Uuid), mapsNew: true, BootClock) { HoldsNew = options.Tail }
        : DeviceMapper.TryOpen() is { } mapper ? new VolumeMaps(mapper, mapsNew: false, BootClock) : null;

    /// <returns>Null where nothing waits that this process does not serve itself.</returns>
    public static HoldGuard? GuardHolds(NodeOptions options, HostNode node, Action<string> log) =>
        options.Activation == "dm" && (options.Tail || node.Activator.Mapped?.HasHolds(node.Domain.Group.Uuid) == true)
        ? HoldGuard.Start(
            TimeSpan.FromSeconds(options.HoldLimitSeconds), DeviceMapper.LockOf(node.Domain.Uuid), LvmDeviceName.UuidsOf(node.Domain.Group.Uuid),
            () => node.Activator.HasRestored, BootClock, log)
        : null;

    static (WatchdogKind Kind, IWatchdog Watchdog) Watchdog(NodeOptions options, PoolDomain domain, Action<string> log) => options.Watchdog switch
    {
        "none" => (WatchdogKind.None, new NoWatchdog()),
        "wdmd" => (WatchdogKind.Wdmd, new WdmdWatchdog(WdmdWatchdog.DefaultSocket, $"spm {domain.Uuid} {options.HostId}", BootClock, log)),
        var path => (WatchdogKind.Device, new DeviceWatchdog(new WatchdogFile(path), BootClock, log)),
    };

    /// <summary>R26: not said where nobody chose it and systemd does not run, as in most containers: nobody puts these to sleep one by one.</summary>
    static SleepWatch? Sleep(NodeOptions options, PoolDomain domain, SleepGate gate, Action<string> log)
    {
        var mayExpect = options.Sleep is not null || Directory.Exists("/run/systemd/system");
        if (options.Sleep == "none" || !mayExpect && !File.Exists(LogindSleep.DefaultSocket))
        {
            return null;
        }
        return new SleepWatch(new LogindSleep(LogindSleep.Address, $"spm {domain.Uuid} {options.HostId}"), gate, BootClock, log, mayExpect);
    }

    static NodeReadings Read(HostNode node)
    {
        var term = node.SpmRole?.Term;
        var group = term?.Worker.Current;
        var space = group is null ? (Volumes.Sizes.PoolSpace?)null : SpaceRules.Of(group, node.Domain.Devices);
        return new NodeReadings(
            node.Role.ToString().ToLowerInvariant(), term?.Fence.Epoch ?? node.SpmRole?.Leader?.LeaseVersion ?? 0,
            node.Membership.Keeper?.Deadline is { ExpiresAt: not null } deadline ? deadline.Margin.TotalSeconds : null,
            group is null ? null : node.Domain.Devices.FreeExtents(group) * group.ExtentSizeBytes,
            group?.LogicalVolumes.Count(lv => !Volumes.Domain.SpecialVolumes.IsSpecial(lv.Name)),
            node.Activator.Active.Sum(a => (long)a.Export.HeldWrites), node.Membership.Guard.Watchdog.IsUnsafe, node.Membership.Guard.Watchdog.IsArmed,
            space?.SizeBytes, space?.ReserveBytes, space is { } now ? node.Space?.Watch.TimeToFull(now)?.TotalSeconds : null, space is null ? null : (int?)node.Space?.Watch.Level,
            [.. (node.Paths?.Current ?? []).Select(device => new PathReading(device.Map.Name, device.Map.Usable, device.Map.Failed))], node.Guests.OnStorageError.Count());
    }

    static OfflinePorts OfflinePorts()
    {
        var machine = MachineId.ReadOrRandom();
        return new OfflinePorts(
            BootClock, BootClock, Choice,
            id => new HostIdentity(id, OfflineJoin.Name(id), "offline", machine, BootId.Read(), "", Build),
            domain => new QemuImager(domain, new UnixVolumeServer(), Scratch.Value, BootClock),
            note => Console.Error.WriteLine($"spm: {note}"));
    }

    static string SocketDirectory(NodeOptions options, PoolDomain domain)
    {
        var directory = Path.Combine(options.RunDirectory ?? (options.State == NodeOptions.DefaultState ? "/run/spm" : Path.Combine(options.State, "run")), domain.Uuid.ToString());
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return directory;
    }
}
