using OvirtSpm.Leases.OnDisk;
using OvirtSpm.Leases.Resource;

namespace OvirtSpm.Leases.Tests;

/// <summary>One lockspace and one resource in memory, with hosts on them.</summary>
internal sealed class Pool
{
    public const int MiB = 1 << 20;
    private static readonly LeaseTiming Timing = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3));

    private Pool(MemoryArea area) => Area = area;

    public MemoryArea Area { get; }

    public ManualClock Clock { get; private init; } = new();

    /// <summary>A host that a test has joined.</summary>
    public (LeaseKeeper Keeper, ResourceLease Lease)? Joined { get; set; }

    public static async Task<Pool> FreshAsync(ManualClock? clock = null)
    {
        var area = new MemoryArea(new byte[4 * MiB]);
        var geometry = LeaseGeometry.For(512, MiB);
        await LockspaceFormat.InitialiseAsync(area, geometry, "LS", _ => 1);
        await ResourceFormat.InitialiseAsync(area, MiB, geometry, "LS", "SDM", 16);
        return new Pool(area) { Clock = clock ?? new ManualClock() };
    }

    public static Pool Of(string fixture) => new(new MemoryArea(Fixture.Unzip(fixture)));

    public (LeaseKeeper Keeper, ResourceLease Lease) Host(int id, string? name = null, int offset = MiB, string resource = "SDM", LeaseTiming? timing = null)
    {
        var geometry = LeaseGeometry.For(512, MiB);
        var keeper = new LeaseKeeper(Area, geometry, "LS", id, name ?? $"machine-{id}", timing ?? Timing, Clock, new First(), (_, _) => TimeSpan.FromSeconds(3));
        return (keeper, new ResourceLease(Area, offset, geometry, "LS", resource, keeper, Clock, new First()));
    }

    /// <summary>Changes a leader record in place, with a right checksum.</summary>
    public void Edit(LeaderKind kind, int offset, Func<LeaderRecord, LeaderRecord> change)
    {
        Assert.Equal(RecordError.None, LeaderRecord.TryParse(kind, Area.Bytes.AsSpan(offset), out var record));
        change(record!).Format(Area.Bytes.AsSpan(offset, 512));
    }

    private sealed class First : IChoice
    {
        public int Pick(int count, string what) => 0;
    }
}
