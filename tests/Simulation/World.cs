using OvirtSpm.Leases;
using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Simulation;

/// <summary>A few machines, one disk, one resource; checked after every event.</summary>
internal sealed class World : SimWorld
{
    public const int Area = 1 << 20;
    public const long LockspaceOffset = Area;
    public const long ResourceOffset = 2L * Area;
    public const long WorkOffset = 4L * Area;
    public const long SizeBytes = 6L * Area;
    private ulong highestLandedEpoch;

    public World(int hosts, ulong seed, LeaseTiming? timing = null, int releaseOneIn = int.MaxValue)
        : base(seed)
    {
        ReleaseOneIn = releaseOneIn;
        Timing = timing ?? new LeaseTiming(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3));
        var sectorSize = seed % 4 == 3 ? 4096 : 512;
        Disk = new SimDisk(sectorSize, new SparseBytes(SizeBytes), Scheduler, Choice);
        Geometry = LeaseGeometry.For(sectorSize, Area);
        Format();
        Disk.Landed = OnLanded;
        Hosts = [.. Enumerable.Range(1, hosts).Select(id => new SimHost(this, id))];
        foreach (var host in Hosts)
        {
            host.Start();
        }
    }

    public SimDisk Disk { get; }

    public LeaseGeometry Geometry { get; }

    public LeaseTiming Timing { get; }

    public IReadOnlyList<SimHost> Hosts { get; }

    /// <summary>A leader gives the resource back after one write in so many.</summary>
    public int ReleaseOneIn { get; set; }

    /// <summary>Writes that landed after a later epoch had written: only a watchdog can keep this at zero.</summary>
    public int LateWrites { get; private set; }

    public int Grants { get; private set; }

    public SimHost Host(int id) => Hosts[id - 1];

    public SimHost? Leader => Hosts.FirstOrDefault(h => h.IsLeading && !h.IsFrozen);

    protected override string Replay => $"new World({Hosts.Count}, seed: {Seed})";

    public void RunUntil(Func<World, bool> done, TimeSpan limit, string what) => RunUntil(() => done(this), limit, what);

    protected override bool Check()
    {
        // Exclusion: at most one host would say "I may write" if it were asked at this very moment, frozen ones included.
        SimHost? leader = null;
        foreach (var host in Hosts)
        {
            if (host.IsLeading)
            {
                if (leader is not null)
                {
                    Fail($"Exclusion: hosts {leader.Id} (epoch {leader.LeadingEpoch}) and {host.Id} (epoch {host.LeadingEpoch}) both may write");
                }

                leader = host;
            }

            if (host.Path.Violation is { } violation)
            {
                Fail(violation);
            }
        }

        if (Disk.Damage is { } damage)
        {
            Fail(damage);
        }

        return Failure is not null;
    }

    private void OnLanded(int host, long offset, ReadOnlyMemory<byte> bytes)
    {
        Note(host, offset, bytes.Span);
        if (offset != WorkOffset)
        {
            return;
        }

        // NoLateWrite: nothing of an epoch lands after something of a later one.
        var epoch = BitConverter.ToUInt64(bytes.Span);
        if (epoch > highestLandedEpoch)
        {
            (highestLandedEpoch, Grants) = (epoch, Grants + 1);
        }
        else if (epoch < highestLandedEpoch)
        {
            LateWrites++;
            if (Timing.WatchdogTimeout > TimeSpan.Zero)
            {
                Fail($"NoLateWrite: host {host} wrote under epoch {epoch} after epoch {highestLandedEpoch} had written");
            }
        }
    }

    private void Format()
    {
        var area = new FormatArea(Disk);
        LockspaceFormat.InitialiseAsync(area.From(LockspaceOffset), Geometry, "LS", _ => (int)Timing.IoTimeout.TotalSeconds).AsTask().Wait();
        ResourceFormat.InitialiseAsync(area.From(0), ResourceOffset, Geometry, "LS", "SDM", 16).AsTask().Wait();
        Disk.Guard(0, LockspaceOffset);
        Disk.Guard(ResourceOffset + Area, WorkOffset - ResourceOffset - Area);
        Disk.Guard(WorkOffset + Area, SizeBytes - WorkOffset - Area);
    }
}
