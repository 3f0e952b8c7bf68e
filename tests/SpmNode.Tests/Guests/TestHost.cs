using System.Diagnostics.Metrics;
using OvirtSpm.Leases;
using OvirtSpm.Monitor;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Activation.Mapped;
using OvirtSpm.Node.Activation.Nbd;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Guests;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Roles;
using OvirtSpm.Node.Storage;
using OvirtSpm.Node.Tests.Activation;
using OvirtSpm.Node.Tests.Storage;
using OvirtSpm.Volumes.Sizes;
using OvirtSpm.Volumes.SpmVolume;

namespace OvirtSpm.Node.Tests.Guests;

/// <summary>One host beside the SPM: member of the pool, with its activator; the SPM's answers are the test's.</summary>
sealed class TestHost : IVolumeServer, IClusterTransport
{
    readonly ManualClock clock = new();

    TestHost(MemoryLun lun, PoolDomain domain, int hostId, IDeviceMapper? mapper, bool holds)
    {
        var mapped = mapper is null ? null : new VolumeMaps(mapper, mapsNew: true, clock) { HoldsNew = holds };
        (Lun, Domain) = (lun, domain);
        var identity = new HostIdentity(hostId, $"host{hostId}", $"/{hostId}", TestDomain.ThisMachine.MachineId, TestDomain.ThisMachine.BootId, "http://127.0.0.1:1", "test");
        Membership = new Membership(domain, identity, new LeaseTiming(TimeSpan.FromSeconds(1), TimeSpan.Zero), clock, new TestChoice());
        Maps = new ActivationMaps(domain, hostId, identity.MapOwner) { IsMapped = slot => mapped?.StillMaps(domain.Latest, slot) ?? false };
        Activator = new VolumeActivator(
            domain, Membership, Maps, this, volume => new GrowthCallback((wanted, stop) => AskForHeld(volume, wanted, stop)), "/run", TimeSpan.FromSeconds(20), clock,
            new ExportMetrics(new Meter("test")), Log.Add) { Mapped = mapped };
        Machine = identity.MapOwner;
        Probe = new StorageProbe(domain.Uuid, Membership, Maps, () => Activator);
        Growth = new VolumeGrowth(domain.Uuid, Membership, () => Activator, this, () => new LeaderRoute.There(1, "spm", "http://spm"), GrowthPolicy.Default);
    }

    public MemoryLun Lun { get; }
    public PoolDomain Domain { get; }
    public Membership Membership { get; }
    public ActivationMaps Maps { get; }
    public MapOwner Machine { get; }
    public VolumeActivator Activator { get; }
    public VolumeGrowth Growth { get; }
    public StorageProbe Probe { get; }
    public List<string> Log { get; } = [];
    public List<long> Asked { get; } = [];
    public Func<Guid, ExtendVolumeRequest, ExtendVolumeReply> Spm { get; set; } = (_, _) => throw Refusal.Unavailable("no SPM");

    /// <summary>What a held write asks for.</summary>
    public Func<Guid, long, CancellationToken, Task<GrowthAnswer>> AskForHeld { get; set; } = (_, _, _) => Task.FromResult(GrowthAnswer.Later);

    /// <param name="mapper">The kernel of its machine, when it maps volumes.</param>
    /// <param name="holds">What comes behind the end of those waits.</param>
    public static async Task<TestHost> JoinAsync(MemoryLun lun, int hostId, IDeviceMapper? mapper = null, bool holds = false)
    {
        var host = new TestHost(lun, await PoolDomain.OpenAsync(lun), hostId, mapper, holds);
        var join = host.Membership.JoinAsync(CancellationToken.None);
        while (await Task.WhenAny(join, Task.Delay(5)) != join)
        {
            host.Pass(TimeSpan.FromMilliseconds(100));
        }
        await join;
        return host;
    }

    public void Pass(TimeSpan time) => clock.Pass(time);

    /// <summary>What ending a server waits for.</summary>
    public Task ServerEnds { get; set; } = Task.CompletedTask;

    public IServedVolume Serve(string socketPath, INbdExport export) => new Served(socketPath, this);

    /// <summary>The same host id, membership and volumes as a node of its own that is running.</summary>
    public HostNode Node() => new(
        Domain, Membership, Maps, Activator,
        new GuestService(
            _ => throw new IOException("no monitors here"), _ => null, Growth, Probe, GrowthPolicy.Default, clock, new MonitorInstruments(new Meter("test")), Log.Add),
        new MarkingImager(Lun), clock, new TestChoice(), new PoolCounters(), Log.Add);

    public Task<ExtendVolumeReply> ExtendAsync(string url, Guid volume, ExtendVolumeRequest request, CancellationToken stop)
    {
        Asked.Add(request.SizeBytes);
        return Task.FromResult(Spm(volume, request));
    }

    sealed class Served(string path, TestHost host) : IServedVolume
    {
        public string SocketPath => path;

        public ValueTask DisposeAsync() => new(host.ServerEnds);
    }
}
