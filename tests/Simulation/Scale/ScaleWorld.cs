using OvirtSpm.Leases;
using OvirtSpm.Leases.HostId;
using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Simulation.Scale;

/// <summary>Many hosts in one lockspace, leases only; the first few compete for the one resource.</summary>
internal sealed class ScaleWorld : SimWorld
{
    public const int Area = 1 << 20;
    public const long ResourceOffset = Area;

    public ScaleWorld(int hosts, ulong seed, LeaseTiming timing)
        : base(seed)
    {
        Timing = timing;
        Disk = new SimDisk(512, new SparseBytes(2L * Area), Scheduler, Choice);
        Geometry = LeaseGeometry.For(512, Area);
        var area = new FormatArea(Disk);
        LockspaceFormat.InitialiseAsync(area, Geometry, "LS", _ => (int)timing.IoTimeout.TotalSeconds).AsTask().Wait();
        ResourceFormat.InitialiseAsync(area, ResourceOffset, Geometry, "LS", "SDM", 16).AsTask().Wait();
        Hosts = [.. Enumerable.Range(1, hosts).Select(id => new ScaleHost(this, id))];
    }

    public SimDisk Disk { get; }

    public LeaseGeometry Geometry { get; }

    public LeaseTiming Timing { get; }

    public IReadOnlyList<ScaleHost> Hosts { get; }

    public ScaleHost? Leader => Hosts.FirstOrDefault(host => host.IsLeading);

    protected override string Replay => $"new ScaleWorld({Hosts.Count}, {Seed}, …)";

    public (long Reads, long ReadBytes, long Writes, long WrittenBytes) Traffic => Hosts.Select(host => host.Path.Traffic).Aggregate(
        (a, b) => (a.Reads + b.Reads, a.ReadBytes + b.ReadBytes, a.Writes + b.Writes, a.WrittenBytes + b.WrittenBytes));

    public void RunUntil(Func<ScaleWorld, bool> done, TimeSpan limit, string what) => RunUntil(() => done(this), limit, what);

    protected override bool Check() => Failure is not null;
}
